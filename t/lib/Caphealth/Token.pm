package Caphealth::Token;

# JSON Web Tokens, as a shop's server signs them.

use strict;
use warnings;

use Carp qw(croak);
use Digest::SHA qw(hmac_sha256);
use Exporter qw(import);
use File::Temp qw(tempdir);
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64url);

our @EXPORT_OK = qw(token key_file);

# key_file(TEXT): the path of a file with that, which others cannot read

my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $files = 0;

sub key_file {
    my ($text) = @_;

    my $path = "$dir/keys" . $files++;

    open my $file, '>', $path or croak "$path: $!";
    print {$file} $text;
    close $file;
    chmod 0600, $path;

    return $path;
}

# token({ kid => ID, secret => TEXT, alg => NAME }, %claims), the secret as it
# stands in the key file

sub token {
    my ($key, %claims) = @_;

    my $json = JSON::PP->new->utf8->canonical;
    my $text = join '.', map { encode_base64url($json->encode($_)) }
                         { alg => $key->{alg} // 'HS256',
                           kid => $key->{kid} }, \%claims;
    my $secret = $key->{secret} =~ /^(?:[0-9a-f]{2})*\z/i
                 ? pack 'H*', $key->{secret}
                 : decode_base64url($key->{secret});

    return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

1;
