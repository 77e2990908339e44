// sharp's way: sharp.js N IN OUTDIR [default]
//
// Prints the CPU seconds of one conversion, after one that is not counted;
// "default": with sharp's own quality and effort.

const sharp = require('sharp');

const [n, source, out, how] = process.argv.slice(2);
const options = how === 'default' ? {} : { quality: 85, effort: 4 };

sharp.cache(false);

async function convert() {
    const image = sharp(source, { limitInputPixels: false }).rotate();

    await Promise.all([
        image.clone().webp(options).toFile(`${out}/original.webp`),
        image.clone().resize(800, 800, { fit: 'inside' }).webp(options)
            .toFile(`${out}/800.webp`),
        image.clone().resize(200, 200, { fit: 'inside' }).webp(options)
            .toFile(`${out}/200.webp`),
    ]);
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
