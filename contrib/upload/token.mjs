// Signs tokens for uploads: POST to it, and it answers {"token": "..."}.
// UPLOAD_KEY="ID HEX" node token.mjs PORT, the line of caphealth_image_tokens'
// file.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

const [keyId, secret] = process.env.UPLOAD_KEY.split(' ');

function uploadToken(owner) {
    const header = { alg: 'HS256', kid: keyId };
    const claims = { exp: Math.floor(Date.now() / 1000) + 600, sub: owner,
                     bytes: 32 * 1024 * 1024, files: 10 };
    const text = [header, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
    const mac = createHmac('sha256', Buffer.from(secret, 'hex')).update(text);

    return `${text}.${mac.digest('base64url')}`;
}

createServer((request, response) => {
    const owner = 'vendor-7';      // in a shop: whoever is logged in

    response.writeHead(request.method === 'POST' ? 200 : 405,
                       { 'Content-Type': 'application/json' });
    response.end(request.method === 'POST'
                 ? JSON.stringify({ token: uploadToken(owner) }) : '{}');
}).listen(Number(process.argv[2]), '127.0.0.1');
