# Forms as clients really send them: curl, Python's requests, Node's fetch,
# PHP's curl, and a recorded one of Go's mime/multipart.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Caphealth::Token qw(key_file);
use Caphealth::Upload qw(photo);
use Digest::SHA qw(sha256_hex);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $nginx = Caphealth::Upload->new(http => 'caphealth_image_max_files 20;');
my $url = "http://127.0.0.1:$nginx->{port}/upload";

# names that a client has to write somehow, each another image

my @names = ('a.jpg', 'a b;c=d.jpg', 'quote".jpg', "ends in \\",
             'per%22cent.jpg', 'ümläut.jpg',
             "camera \x{1f4f7}.jpg", "tab\tand \x01.jpg");
my (@paths, @sums);

for my $i (0 .. $#names) {
    my $path = "$dir/$names[$i]";

    utf8::encode($path);
    open my $file, '>:raw', $path or die "$path: $!";

    my $bytes = photo(40 + $i . 'x30');

    print {$file} $bytes;
    close $file;

    push @paths, $path;
    push @sums, sha256_hex($bytes);
}

# run(COMMAND ...): what a program wrote, which is the server's answer

sub run {
    my @command = @_;

    local $ENV{URL} = $url;

    open my $pipe, '-|', @command or die "$command[0]: $!";
    local $/ = undef;

    return scalar(<$pipe>) // '';
}

# taken(ANSWER, NAME, SUM ...): those images, in that order

sub taken {
    my ($answer, $name, @sums) = @_;

    my $images = eval { decode_json($answer)->{images} } // [];

    return is_deeply([ map { $_->{sha256} } @$images ], \@sums, $name)
           || diag $answer;
}

# --- curl ---

my @curl = qw(curl -s --max-time 60);

sub quoted {
    my ($path) = @_;

    return '"' . $path =~ s/([\\"])/\\$1/gr . '"';
}

for my $i (0 .. $#names) {
    taken(run(@curl, '-F', 'file=@' . quoted($paths[$i]), $url),
          "curl, file $i", $sums[$i]);
    taken(run(@curl, '--form-escape', '-F', 'file=@' . quoted($paths[$i]),
              $url),
          "curl --form-escape, file $i", $sums[$i]);
}

taken(run(@curl, '-F', 'vendor=Example', '-F', "f=\@$paths[0];type=image/x-y",
          '-F', "f[]=\@$paths[5];filename=x.jpg", '-F', 'after=1', $url),
      'curl, fields and files', @sums[0, 5]);
taken(run(@curl, '-F', "file=\@$paths[0],$paths[5]", $url),
      'curl, a list of files', @sums[0, 5]);
taken(run(@curl, '-F', "file=\@$paths[0],$paths[5];type=image/jpeg",
          '-F', "other=\@$paths[6]", $url),
      'curl, a list and a file', @sums[0, 5, 6]);
taken(run(@curl, '-F', 'note=(;type=multipart/mixed', '-F', '=text',
          '-F', "=\@$paths[0]", '-F', '=)', '-F', "f=\@$paths[5]", $url),
      'curl, parts in parts', @sums[0, 5]);
taken(run(@curl, '-F', 'note=Grüße;encoder=base64',
          '-F', 'text=Grüße;encoder=quoted-printable',
          '-F', "f=\@$paths[0];encoder=binary", $url),
      'curl, encoded fields', $sums[0]);
taken(run(@curl, '-F', "f=\@$paths[0];headers=\"X-Note: a\"", '-F', 'empty=',
          $url), 'curl, a header and an empty field', $sums[0]);
taken(run(@curl, '-H', 'Transfer-Encoding: chunked', '-H',
          'Expect: 100-continue', '-F', "f=\@$paths[0]", $url),
      'curl, chunked', $sums[0]);
like run(@curl, '-F', "f=\@$paths[0];encoder=base64", $url),
     qr/"status":400.*without base64/, 'curl, an encoded file';
like run(@curl, '-F', '=(;type=multipart/mixed', '-F', "=\@$paths[0]",
         '-F', '=)', $url),
     qr/"status":400.*has no name/, 'curl, parts in a part without a name';
like run(@curl, '-F', 'f=@/dev/null;filename=', $url),
     qr/problem:no-image/, 'curl, no file';
like run(@curl, '-F', 'f=@/dev/null;filename=a.jpg', $url),
     qr/The file is empty/, 'curl, an empty file';

# --- Python's requests ---

my $python = <<'END';
import os, requests, sys
files = [('file', open(path, 'rb')) for path in sys.argv[1:]]
files.append(('none', ('', b'', 'application/octet-stream')))
files.append(('text', (None, 'x', 'text/plain; charset=utf-8')))
print(requests.post(os.environ['URL'], files=files, data={'a': 'ü'}).text)
END

taken(run('/usr/bin/python3', '-c', $python, @paths), 'requests', @sums);

# --- Node's fetch ---

my $node = <<'END';
const fs = require('fs'), form = new FormData();
form.append('a', 'ü');
form.append('none', new Blob([], { type: 'application/octet-stream' }), '');
for (const path of process.argv.slice(1)) {
    form.append('file', new Blob([fs.readFileSync(path)]),
                path.slice(path.lastIndexOf('/') + 1));
}
form.append('blob', new Blob([fs.readFileSync(process.argv[1])]));
form.append('b', '');
fetch(process.env.URL, { method: 'POST', body: form })
    .then((r) => r.text()).then(console.log);
END

SKIP: {
    skip 'there is no Node with fetch', 1
        unless `node -p 'typeof FormData' 2>&1` =~ /function/;

    taken(run('node', '-e', $node, @paths), "Node's fetch", @sums, $sums[0]);
}

# --- PHP's curl ---

my $php = <<'END';
$fields = ['a' => 'ü'];
foreach (array_slice($argv, 1) as $i => $path)
    $fields["file[$i]"] = new CURLFile($path, 'image/jpeg', basename($path));
$fields['text'] = new CURLStringFile(file_get_contents($argv[1]), 'b"\\.jpg');
$c = curl_init(getenv('URL'));
curl_setopt($c, CURLOPT_POSTFIELDS, $fields);
curl_exec($c);
END

taken(run('php', '-r', $php, '--', @paths), "PHP's curl", @sums, $sums[0]);

# --- with tokens of the examples' servers: each language's server signs one, and
# --- a client of the same language uploads with it

{
    my $hex = '0f' x 32;
    my $keys = key_file("2026-01 $hex");

    $nginx->configure(locations => "$nginx->{locations}
        location = /tokens {
            caphealth_image_upload;
            caphealth_image_tokens $keys;
        }
        location = /owners { caphealth_image_owners; }");
    ok $nginx->reload, 'a location with tokens';

    local $ENV{UPLOAD_KEY} = "2026-01 $hex";
    local $ENV{TOKENS} = "http://127.0.0.1:$nginx->{port}/tokens";

    # from(NAME, COMMAND ...): a token of that server, which is then stopped

    my $from = sub {
        my ($name, @command) = @_;

        my $port = $nginx->free_port;

        @command = map { s/PORT/$port/r } @command;

        my $pid = fork // die "fork: $!";

        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', '/dev/null';
            exec { $command[0] } @command or die "$command[0]: $!";
        }

        my $answer;

        $nginx->until(sub {
            $answer = HTTP::Tiny->new->post("http://127.0.0.1:$port/");

            return $answer->{status} == 200;
        });

        kill TERM => $pid;
        waitpid $pid, 0;

        my $token = eval { decode_json($answer->{content})->{token} } // '';

        like $token, qr/^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{43}$/, "$name signs"
            or diag $answer->{content};

        return $token;
    };

    local $ENV{TOKEN} = $from->('Python', '/usr/bin/python3',
                                'contrib/upload/token.py', 'PORT');

    taken(run('/usr/bin/python3', '-c', <<'END', $paths[0]),
import os, requests, sys
print(requests.post(os.environ['TOKENS'], files={'f': open(sys.argv[1], 'rb')},
    headers={'Authorization': 'Bearer ' + os.environ['TOKEN']}).text)
END
          'requests, with a token', $sums[0]);

    taken(run(@curl, '-H', "Authorization: Bearer $ENV{TOKEN}", '-F',
              'f=@' . quoted($paths[1]), $ENV{TOKENS}),
          'curl, with a token', $sums[1]);

    $ENV{TOKEN} = $from->('PHP', 'php', '-S', '127.0.0.1:PORT',
                          'contrib/upload/token.php');

    taken(run('php', '-r', <<'END', '--', $paths[2]),
$c = curl_init(getenv('TOKENS'));
curl_setopt($c, CURLOPT_POSTFIELDS, ['f' => new CURLFile($argv[1])]);
curl_setopt($c, CURLOPT_HTTPHEADER,
            ['Authorization: Bearer ' . getenv('TOKEN')]);
curl_exec($c);
END
          "PHP's curl, with a token", $sums[2]);

    SKIP: {
        skip 'there is no Node with fetch', 2
            unless `node -p 'typeof FormData' 2>&1` =~ /function/;

        $ENV{TOKEN} = $from->('Node', 'node', 'contrib/upload/token.mjs',
                              'PORT');

        taken(run('node', '-e', <<'END', $paths[3]),
const fs = require('fs'), form = new FormData();
form.append('f', new Blob([fs.readFileSync(process.argv[1])]), 'a.jpg');
fetch(process.env.TOKENS, { method: 'POST', body: form,
    headers: { Authorization: `Bearer ${process.env.TOKEN}` } })
    .then((r) => r.text()).then(console.log);
END
              "Node's fetch, with a token", $sums[3]);
    }

    my $owners = decode_json($nginx->get('/owners')->{content})->{owners};

    is_deeply [ map { $_->{owner} } @$owners ], ['vendor-7'],
              'all of one owner';
    like run(@curl, '-F', 'f=@' . quoted($paths[1]), $ENV{TOKENS}),
         qr/problem:no-token/, 'curl, without a token';
}

# --- repeated with their Idempotency-Key: two answers, stored once

{
    $nginx->configure(locations => "$nginx->{locations}
        location = /keys { caphealth_image_upload; caphealth_image_id key; }");
    ok $nginx->reload, 'a location with keys';

    local $ENV{KEYS} = "http://127.0.0.1:$nginx->{port}/keys";

    my %clients = (
        'curl' => [ @curl, '-w', ' %{http_code}', '-H',
                    'Idempotency-Key: "curl"', '-F', 'f=@' . quoted($paths[0]),
                    $ENV{KEYS} ],
        'requests' => [ '/usr/bin/python3', '-c', <<'END', $paths[1] ],
import os, requests, sys
r = requests.post(os.environ['KEYS'], files={'f': open(sys.argv[1], 'rb')},
                  headers={'Idempotency-Key': 'requests'})
print(r.text, r.status_code)
END
        "PHP's curl" => [ 'php', '-r', <<'END', '--', $paths[2] ],
$c = curl_init(getenv('KEYS'));
curl_setopt($c, CURLOPT_POSTFIELDS, ['f' => new CURLFile($argv[1])]);
curl_setopt($c, CURLOPT_HTTPHEADER, ['Idempotency-Key: "PHP"']);
curl_exec($c);
echo ' ', curl_getinfo($c, CURLINFO_HTTP_CODE);
END
        "Node's fetch" => [ 'node', '-e', <<'END', $paths[3] ]);
const fs = require('fs'), form = new FormData();
form.append('f', new Blob([fs.readFileSync(process.argv[1])]), 'a.jpg');
fetch(process.env.KEYS, { method: 'POST', body: form,
    headers: { 'Idempotency-Key': '"Node"' } })
    .then(async (r) => console.log(await r.text(), r.status));
END

    for my $name (sort keys %clients) {
        SKIP: {
            skip 'there is no Node with fetch', 3
                if $name =~ /Node/
                   && `node -p 'typeof FormData' 2>&1` !~ /function/;

            my ($path) = grep { defined && -e } $clients{$name}[-1],
                                                $paths[0];
            my ($first, $again) = map { run(@{ $clients{$name} }) } 1, 2;
            my ($body) = $first =~ /^(\{.*\})\s+201\s*\z/s;

            taken($body // $first, "$name, with a key",
                  sha256_hex(do { local (@ARGV, $/) = $path; <> }));
            like $again, qr/\s200\s*\z/, "$name, again";
            is $again =~ s/200(\s*)\z/201$1/r, $first,
               "$name gets the same answer";
        }
    }

    is scalar(grep { /\.answer$/ } $nginx->files), 4, 'each is stored once';
}

# --- Go: CreateFormFile() and WriteField() of go1.19, with the boundary "b" ---

my $go = qq{--b\r\nContent-Disposition: form-data; name="vendor"\r\n\r\nExample}
    . qq{\r\n--b\r\nContent-Disposition: form-data; name="file"; }
    . qq{filename="a\\\\ \\"b\\"\xc3\xa4.png"\r\n}
    . qq{Content-Type: application/octet-stream\r\n\r\n} . photo('40x30')
    . qq{\r\n--b--\r\n};

taken($nginx->post($go, { 'Content-Type' =>
                          'multipart/form-data; boundary=b' })->{content},
      "Go's mime/multipart", $sums[0]);

# --- no client, but scripts and gateways ---

sub answer {
    my ($type, $body) = @_;

    return $nginx->post($body, { 'Content-Type' => $type })->{content};
}

my $part = qq{Content-Disposition: form-data; name=f; filename=a.jpg\r\n\r\n};
my $photo = photo('40x30');
my $form = "--b\r\n$part$photo\r\n--b--";
my $long = "'()+_,-./:=? " . 'x' x 57;
my $type = 'multipart/form-data; boundary=b';

for my $case (
    [ 'a preamble',          $type, "This is MIME.\r\n\r\n$form" ],
    [ 'an empty line first', $type, "\r\n$form" ],
    [ 'an epilogue',         $type, "$form\r\n\r\n--b\r\nepilogue" ],
    [ 'blanks behind it',    $type, "$form  \t\r\n" ],
    [ 'padded boundaries',   $type, $form =~ s/--b\r/--b \t\r/r ],
    [ 'folded headers',      $type, $form =~ s/; /;\r\n\t/gr ],
    [ 'LF alone',            $type, "--b\n" . $part =~ s/\r//gr
                                    . "$photo\n--b--\n" ],
    [ 'a charset',           "$type; charset=utf-8", $form ],
    [ 'a quoted boundary of 70', qq{multipart/form-data; boundary="$long"},
      $form =~ s/--b/--$long/gr ],
    [ 'stars',               'multipart/form-data; boundary=*****',
      $form =~ s/--b/--*****/gr ])
{
    my ($name, @sent) = @$case;

    taken(answer(@sent), $name, $sums[0]);
}

like answer($type, substr $form, 0, -5), qr/"status":400.*was cut off/,
     'a form that was cut off';
like answer($type, '--b--'), qr/problem:no-image/, 'a form of nothing';
like answer($type, qq{--b\r\nContent-Disposition: form-data; name="f"; }
                   . qq{filename="a\\"\r\n\r\ntext\r\n--b--}),
     qr/File 1 of 1, \\"a\\\\\\":/, 'a name with a final backslash';

is $nginx->logged(qr/\[alert\]|\[crit\]/), 0, 'nothing is wrong';
ok $nginx->stop, 'quits';

done_testing;
