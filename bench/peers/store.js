// What a shop would write: store.js PORT ENDPOINT BUCKET METHOD [default]
//
// A service of two processes that takes a photo in the body of a POST, makes
// three WebP variants of it with sharp, puts them into an object store with the
// AWS SDK, the largest last, and answers 201 with their keys.  "default": with
// sharp's own quality and effort.

const cluster = require('cluster');
const crypto = require('crypto');
const http = require('http');

const [port, endpoint, bucket, method, how] = process.argv.slice(2);

if (cluster.isPrimary) {
    cluster.fork();
    cluster.fork();

    process.on('SIGTERM', () => process.exit(0));

} else {
    const sharp = require('sharp');
    const { S3Client, PutObjectCommand } = require('@aws-sdk/client-s3');

    const options = how === 'default' ? {}
                                      : { quality: 85, effort: Number(method) };
    const s3 = new S3Client({
        endpoint, region: 'us-east-1', forcePathStyle: true,
        credentials: { accessKeyId: 'test:tester',
                       secretAccessKey: 'testing' },
    });

    sharp.cache(false);

    const put = (key, body) => s3.send(new PutObjectCommand({
        Bucket: bucket, Key: key, Body: body, ContentType: 'image/webp' }));

    const upload = async (photo) => {
        const id = crypto.randomBytes(16).toString('hex');
        const stem = `node/${id.slice(0, 2)}/${id.slice(2, 4)}/${id}_`;
        const image = sharp(photo).rotate();
        const inside = (side) => image.clone()
            .resize(side, side, { fit: 'inside', withoutEnlargement: true });

        const [original, medium, small] = await Promise.all([
            image.clone(), inside(800), inside(200),
        ].map((variant) => variant.webp(options).toBuffer()));

        await Promise.all([put(`${stem}800.webp`, medium),
                           put(`${stem}200.webp`, small)]);
        await put(`${stem}original.webp`, original);

        return stem;
    };

    const server = http.createServer(async (request, response) => {
        const parts = [];

        for await (const part of request) {
            parts.push(part);
        }

        if (request.method !== 'POST') {
            response.end(String(process.pid));
            return;
        }

        try {
            const stem = await upload(Buffer.concat(parts));
            response.writeHead(201);
            response.end(stem);

        } catch (error) {
            response.writeHead(500);
            response.end(String(error));
        }
    });

    // as nginx has it, or a client that is slow finds its connection closed

    server.keepAliveTimeout = 75000;
    server.listen(Number(port), '127.0.0.1');
}
