// sharp's way with one file of a format: formats.js N IN OUT FORMAT [SIDE]
//
// Prints the CPU seconds of one conversion, after one that is not counted.
// graphic is WebP with smartSubsample; AVIF's effort 2 is libaom's speed 7.

const sharp = require('sharp');

const [n, source, out, format, side] = process.argv.slice(2);

const encoders = {
    webp: ['webp', { quality: 85, effort: 4 }],
    graphic: ['webp', { quality: 85, effort: 4, smartSubsample: true }],
    jpeg: ['jpeg', { quality: 85, progressive: true, optimiseCoding: true }],
    avif: ['avif', { quality: 70, effort: 2, chromaSubsampling: '4:2:0' }],
};

const [encoder, options] = encoders[format];

sharp.cache(false);

async function convert() {
    const image = sharp(source, { limitInputPixels: false });

    if (side) {
        image.resize(Number(side), Number(side), { fit: 'inside' });
    }

    await image[encoder](options).toFile(out);
}

async function main() {
    await convert();

    const start = process.cpuUsage();

    for (let i = 0; i < Number(n); i++) {
        await convert();
    }

    const used = process.cpuUsage(start);

    console.log(((used.user + used.system) / 1e6 / Number(n)).toFixed(6));
}

main();
