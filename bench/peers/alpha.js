// sharp's way with transparency: alpha.js IN OUTDIR

const sharp = require('sharp');

const [source, out] = process.argv.slice(2);
const options = { quality: 85, effort: 4 };

sharp.cache(false);

async function main() {
    for (const [name, side] of [['original', 0], ['half', 400],
                                ['small', 120]]) {
        const image = sharp(source);

        if (side) {
            image.resize(side, side, { fit: 'inside' });
        }

        await image.webp(options).toFile(`${out}/${name}.webp`);
    }
}

main();
