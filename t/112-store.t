# caphealth_image_store: what is accepted, every mistake, and what does not work
# with an object store.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

# the file of credentials of each block: user_files are in html

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('user_files', ">>> credentials\n[default]\n"
                      . "aws_access_key_id = someone\n"
                      . "aws_secret_access_key = hidden-secret\n"
                      . ">>> other\n[default]\n"
                      . "aws_access_key_id = another\n"
                      . "aws_secret_access_key = hidden-secret\n"
                      . ">>> empty\n[profile]\n"
                      . "aws_secret_access_key = hidden-secret\n"
                      . ">>> ca.pem\nAuthority\n-----BEGIN CERTIFICATE-----\n"
                      . "MIIB\n-----END CERTIFICATE-----\n"
                      . ">>> cut.pem\n-----BEGIN CERTIFICATE-----\nMIIB\n");

    # below a directory that Test::Nginx::Socket removes

    $block->set_value('http_config', "caphealth_state_dir html/state;\n"
                      . ($block->http_config // ''));
    $block->set_value('no_error_log', "hidden\n[alert]\n")
        unless defined $block->no_error_log;

    return $block;
});

no_shuffle();
run_tests();

__DATA__

=== TEST 1: all parameters; a file that everybody can read is warned about
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop/images/ endpoint=https://s3.example.com:8443
                              region=eu-central-1 credentials=../html/credentials
                              style=virtual connections=64 timeout=10m
                              trusted_certificate=../html/ca.pem;
    }
    location = /health { caphealth_health; }
--- request
GET /upload
--- error_code: 405
--- error_log
everybody can read the credentials in
only root needs to, run "chmod 600"



=== TEST 2: inherited, and the same store twice
--- http_config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1:1 region=none
                          credentials=../html/credentials;
--- config
    location /upload { caphealth_image_upload; }
    location /again {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
    }
    location /tree {
        caphealth_image_upload;
        caphealth_image_root html/images;
    }
    location = /stats { caphealth_image_stats; }
--- request
GET /stats
--- response_body_like
"roots":\[.*"path":"[^"]*/images".*"path":"s3://shop"|"path":"s3://shop".*"path":"[^"]*/images"



=== TEST 3: no object store
--- config
    caphealth_image_store /srv/images endpoint=http://127.0.0.1 region=none credentials=env;
--- must_die
--- error_log
invalid store "/srv/images" in "caphealth_image_store" directive, expected "s3://BUCKET/PREFIX": it does not begin with "s3://"



=== TEST 4: a bucket's name
--- config
    caphealth_image_store s3://Shop endpoint=http://127.0.0.1 region=none credentials=env;
--- must_die
--- error_log
invalid store "s3://Shop" in "caphealth_image_store" directive, expected "s3://BUCKET/PREFIX": the bucket's name is not 3 to 63 of a-z, 0-9, "." and "-", with a letter or digit at both ends



=== TEST 5: a prefix
--- config
    caphealth_image_store s3://shop/../x endpoint=http://127.0.0.1 region=none credentials=env;
--- must_die
--- error_log
invalid store "s3://shop/../x" in "caphealth_image_store" directive, expected "s3://BUCKET/PREFIX": the prefix is not made of



=== TEST 6: without an endpoint
--- config
    caphealth_image_store s3://shop region=none credentials=../html/credentials;
--- must_die
--- error_log
"caphealth_image_store" needs the parameter "endpoint="



=== TEST 7: without a region
--- config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1 credentials=../html/credentials;
--- must_die
--- error_log
"caphealth_image_store" needs the parameter "region="



=== TEST 8: without credentials
--- config
    caphealth_image_store s3://shop;
--- must_die
--- error_log
"caphealth_image_store" needs the parameter "endpoint="



=== TEST 9: an unknown parameter
--- config
    caphealth_image_store s3://shop key=hidden;
--- must_die
--- error_log
invalid parameter "key=hidden" in "caphealth_image_store" directive, expected "endpoint=", "region=", "credentials=", "style=", "connections=", "timeout=" or "trusted_certificate="
--- no_error_log
[alert]



=== TEST 10: a parameter twice
--- config
    caphealth_image_store s3://shop region=a region=b;
--- must_die
--- error_log
duplicate parameter "region=" in "caphealth_image_store" directive



=== TEST 11: an endpoint with a path, whose value may have a secret in it
--- config
    caphealth_image_store s3://shop endpoint=https://key:hidden@s3.example.com;
--- must_die
--- error_log
invalid URL in "endpoint=" of "caphealth_image_store", expected "https://HOST:PORT" without a path: its host is followed by something other than a port from 1 to 65535



=== TEST 12: an endpoint of another scheme
--- config
    caphealth_image_store s3://shop endpoint=ftp://s3.example.com;
--- must_die
--- error_log
"https://HOST:PORT" without a path: it does not begin with "https://" or "http://"



=== TEST 13: a region
--- config
    caphealth_image_store s3://shop region=eu/central;
--- must_die
--- error_log
invalid value "region=eu/central" in "caphealth_image_store" directive, it must be a region as "eu-central-1", or what the store takes for one, often "us-east-1"



=== TEST 14: a style
--- config
    caphealth_image_store s3://shop style=dns;
--- must_die
--- error_log
invalid value "style=dns" in "caphealth_image_store" directive, it must be "style=path" or "style=virtual"



=== TEST 15: the bucket's name in front of an address
--- config
    caphealth_image_store s3://shop endpoint=https://192.0.2.1 region=none
                          credentials=../html/credentials style=virtual;
--- must_die
--- error_log
"style=virtual" in "caphealth_image_store" directive is not possible, use "style=path": the endpoint is an address, which the bucket's name cannot be put in front of



=== TEST 16: no certificate is for a bucket with a dot
--- config
    caphealth_image_store s3://my.shop endpoint=https://s3.example.com region=none
                          credentials=../html/credentials style=virtual;
--- must_die
--- error_log
is not possible, use "style=path": the bucket's name has a dot in it, and no certificate matches such a host



=== TEST 17: too many connections
--- config
    caphealth_image_store s3://shop connections=65;
--- must_die
--- error_log
invalid value "connections=65" in "caphealth_image_store" directive, it must be a number of connections for each worker between 1 and 64



=== TEST 18: no connection
--- config
    caphealth_image_store s3://shop connections=0;
--- must_die
--- error_log
it must be a number of connections for each worker between 1 and 64



=== TEST 19: a timeout
--- config
    caphealth_image_store s3://shop timeout=999ms;
--- must_die
--- error_log
invalid value "timeout=999ms" in "caphealth_image_store" directive, it must be a time between 1s and 10m



=== TEST 20: no file of credentials
--- config
    caphealth_image_store s3://shop credentials=nowhere;
--- must_die
--- error_log eval
qr/open\(\) "\S+nowhere" of "caphealth_image_store" failed \(2: /



=== TEST 21: credentials without a name
--- config
    caphealth_image_store s3://shop credentials=;
--- must_die
--- error_log
invalid value "credentials=" in "caphealth_image_store" directive, it must be the path of a file of credentials, or "env"



=== TEST 22: a directory
--- config
    caphealth_image_store s3://shop credentials=../html;
--- must_die
--- error_log eval
qr/"\S+html" of "caphealth_image_store" is not a file/



=== TEST 23: a file that would block
--- config
    caphealth_image_store s3://shop credentials=/dev/tty;
--- must_die
--- error_log
of "caphealth_image_store"



=== TEST 24: a file without the profile
--- config
    caphealth_image_store s3://shop credentials=../html/empty;
--- must_die
--- error_log eval
qr{invalid file "\S+empty" in "credentials=" of "caphealth_image_store", expected the format of "~/.aws/credentials": it has no profile "\[default\]"}



=== TEST 25: an environment without credentials
--- config
    caphealth_image_store s3://shop credentials=env;
--- must_die
--- error_log
"credentials=env" of "caphealth_image_store": in the environment of nginx "AWS_ACCESS_KEY_ID" is not set



=== TEST 26: a tree and a store in one place
--- config
    caphealth_image_root html/images;
    caphealth_image_store s3://shop;
--- must_die
--- error_log
"caphealth_image_store" directive conflicts with "caphealth_image_root": images are kept in a directory or in an object store



=== TEST 27: the reverse
--- config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1:1 region=none
                          credentials=../html/credentials;
    caphealth_image_root html/images;
--- must_die
--- error_log
"caphealth_image_root" directive conflicts with "caphealth_image_store": images are kept in a directory or in an object store



=== TEST 28: two stores
--- config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1:1 region=none
                          credentials=../html/credentials;
    caphealth_image_store s3://other;
--- must_die
--- error_log
"caphealth_image_store" directive is duplicate



=== TEST 29: one store with two credentials
--- config
    location /a {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
    }
    location /b {
        caphealth_image_upload;
        caphealth_image_store s3://shop/ endpoint=http://127.0.0.1:1
                              region=none credentials=../html/other;
    }
--- must_die
--- error_log
"caphealth_image_store" "s3://shop" is there already, with other parameters: all locations of a store have the same



=== TEST 30: sources
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
        caphealth_image_source sources;
    }
--- must_die
--- error_log
"caphealth_image_source" does not work with "caphealth_image_store": the originals are kept in a directory beside that of the images



=== TEST 31: ids of a key, which is needed
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
        caphealth_image_id key;
    }
--- request
POST /upload
x
--- error_code: 400
--- response_body_like: invalid-idempotency-key



=== TEST 32: owners
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
        caphealth_image_delete on;
        caphealth_image_owner $http_x_owner;
    }
--- request
DELETE /upload/0123456789abcdef0123456789abcdef
--- more_headers eval
'X-Owner: ' . 'x' x 81
--- error_code: 403
--- response_body_like: The owner of the images must be a name of 1 to 80 bytes



=== TEST 33: quotas
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
        caphealth_image_quota images=5;
    }
--- must_die
--- error_log
"caphealth_image_quota" does not work with "caphealth_image_store": what an owner has is counted in a directory



=== TEST 34: the list of owners
--- config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                          region=none credentials=../html/credentials;
    location /owners { caphealth_image_owners; }
--- must_die
--- error_log
"caphealth_image_owners" needs a "caphealth_image_root", the tree whose owners are listed



=== TEST 35: an upload with neither
--- config
    location /upload { caphealth_image_upload; }
--- must_die
--- error_log
"caphealth_image_upload" needs a "caphealth_image_root", the directory for the images, or a "caphealth_image_store"



=== TEST 36: certificates that are cut
--- config
    caphealth_image_store s3://shop trusted_certificate=../html/cut.pem;
--- must_die
--- error_log eval
qr/invalid file "\S+cut.pem" in "trusted_certificate=" of "caphealth_image_store", expected certificates in the format PEM: the end of a certificate is missing/



=== TEST 37: a file without certificates
--- config
    caphealth_image_store s3://shop trusted_certificate=../html/credentials;
--- must_die
--- error_log
it has no certificate in the format PEM



=== TEST 38: no file of certificates
--- config
    caphealth_image_store s3://shop trusted_certificate=nowhere;
--- must_die
--- error_log eval
qr/open\(\) "\S+nowhere" of "caphealth_image_store" failed \(2: /



=== TEST 39: certificates without a name
--- config
    caphealth_image_store s3://shop trusted_certificate=;
--- must_die
--- error_log
invalid value "trusted_certificate=" in "caphealth_image_store" directive, it must be the path of a file of certificates in the format PEM



=== TEST 40: certificates without TLS
--- config
    caphealth_image_store s3://shop endpoint=http://127.0.0.1:1 region=none
                          credentials=../html/credentials
                          trusted_certificate=../html/ca.pem;
--- must_die
--- error_log
"trusted_certificate=" in "caphealth_image_store" directive needs an "endpoint=https://..."



=== TEST 41: one store with two authorities
--- config
    location /a {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=https://127.0.0.1:1
                              region=none credentials=../html/credentials;
    }
    location /b {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=https://127.0.0.1:1
                              region=none credentials=../html/credentials
                              trusted_certificate=../html/ca.pem;
    }
--- must_die
--- error_log
"caphealth_image_store" "s3://shop" is there already, with other parameters



=== TEST 42: ids of the bytes
--- config
    location /upload {
        caphealth_image_upload;
        caphealth_image_store s3://shop endpoint=http://127.0.0.1:1
                              region=none credentials=../html/credentials;
        caphealth_image_id content;
    }
--- must_die
--- error_log
"caphealth_image_id" does not work with "caphealth_image_store": ids that follow from the bytes are kept in a directory, so it must be "random" or "key"



=== TEST 43: 32 stores
--- config eval
join "\n", map { "location /$_ {
                      caphealth_image_upload;
                      caphealth_image_store s3://shop/$_
                                            endpoint=https://127.0.0.1:1
                                            region=none
                                            credentials=../html/credentials;
                  }" } 1 .. 32
--- request
GET /32
--- error_code: 405



=== TEST 44: one more
--- config eval
join "\n", map { "location /$_ {
                      caphealth_image_upload;
                      caphealth_image_store s3://shop/$_
                                            endpoint=https://127.0.0.1:1
                                            region=none
                                            credentials=../html/credentials;
                  }" } 1 .. 33
--- must_die
--- error_log
"caphealth_image_store" "s3://shop/33" is one too many, there may be 32 different ones: each worker has a process for each of them
