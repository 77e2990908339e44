<?php
// Signs tokens for uploads: POST to it, and it answers {"token": "..."}.
// UPLOAD_KEY="ID HEX" php -S 127.0.0.1:PORT token.php, the line of
// caphealth_image_tokens' file; or in a PHP that has the variable.

function base64url(string $data): string
{
    return rtrim(strtr(base64_encode($data), '+/', '-_'), '=');
}

function upload_token(string $owner): string
{
    [$key_id, $secret] = explode(' ', getenv('UPLOAD_KEY'));

    $header = ['alg' => 'HS256', 'kid' => $key_id];
    $claims = ['exp' => time() + 600, 'sub' => $owner,
               'bytes' => 32 * 1024 * 1024, 'files' => 10];
    $text = base64url(json_encode($header)) . '.'
            . base64url(json_encode($claims));
    $mac = hash_hmac('sha256', $text, hex2bin($secret), true);

    return $text . '.' . base64url($mac);
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    exit;
}

$owner = 'vendor-7';      // in a shop: whoever is logged in

header('Content-Type: application/json');
echo json_encode(['token' => upload_token($owner)]);
