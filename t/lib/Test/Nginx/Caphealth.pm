package Test::Nginx::Caphealth;

# A small harness for suites in the form of Test::Nginx::Socket.

use Test::Base -Base;

use Caphealth::Valgrind qw(memcheck memory_errors patience);
use Cwd qw(abs_path getcwd);
use File::Path qw(make_path remove_tree);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(shuffle);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(run_tests no_shuffle no_root_location no_long_string workers
                 master_on log_level timeout server_root html_dir server_port
                 add_block_preprocessor repeat_each);

my $root = $ENV{TEST_NGINX_SERVROOT} || getcwd() . '/t/servroot';
my $port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $level = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
my $patience = $ENV{TEST_NGINX_TIMEOUT} || patience(30);

my ($ordered, $rootless, $workers, $master, $repeat) = (0, 0, 1, 'off', 1);
my @preprocessors;
my $running;

# nginx, and what runs below it

$ENV{TEST_NGINX_SERVER_PORT} = $port;
$ENV{TEST_NGINX_PORT} = $port;
$ENV{TEST_NGINX_SERVER_ROOT} = $root;
$ENV{TEST_NGINX_HTML_DIR} = "$root/html";

sub no_shuffle () { $ordered = 1 }
sub no_root_location () { $rootless = 1 }
sub no_long_string () { }
sub master_on () { $master = 'on' }
sub log_level ($) { $level = shift }
sub workers ($) { $workers = shift; $master = 'on' if $workers > 1 }
sub server_root () { $root }
sub html_dir () { "$root/html" }
sub server_port () { $port }
sub add_block_preprocessor (&) { push @preprocessors, shift }

sub timeout {
    $patience = $self if defined $self;
    return $patience;
}

sub repeat_each {
    $repeat = $self if defined $self;
    return $repeat;
}

sub run_tests () {
    my @blocks = $ordered ? blocks() : shuffle(blocks());

    for my $block (@blocks) {
        $_->($block) for @preprocessors;
        run_block($block);
    }
}

sub run_block ($) {
    my ($block) = @_;

    my $name = $block->name;

    prepare($block);

    if (defined $block->must_die) {
        my $started = start();

        ok(!$started, "$name - nginx refuses to start");
        check_log($block);
        stop($name) if $started;

        return;
    }

    if (!start()) {
        fail("$name - nginx starts");
        diag(slurp("$root/logs/error.log"), slurp("$root/logs/stdout"));
        return;
    }

    for (1 .. $repeat) {
        exchange($block);
    }

    stop($name);
}

sub exchange ($) {
    my ($block) = @_;

    my $name = $block->name;
    my @requests = Test::Nginx::Caphealth::Request::of($block, $port);
    my $many = @requests > 1 || ($requests[0]{answers} // 1) > 1;
    my $index = 0;

    for my $request (@requests) {
        my $rest = talk($request->{text}, $request->{answers}, $name,
                        $request->{heads});

        for my $i (1 .. $request->{answers}) {
            my $head = $request->{heads}[ $i - 1 ];
            my $response = Test::Nginx::Caphealth::Response->new(\$rest, $head);

            check($block, $response, $index, $many);
            check_log($block);
            $index++;
        }
    }
}

# the expectation for one request of several

sub expected ($$$$) {
    my ($name, $value, $index, $many) = @_;

    if ($many && defined $value && ref $value ne 'ARRAY') {
        Test::More::BAIL_OUT("$name - expectations of several requests must be arrays");
    }

    return ref $value eq 'ARRAY' ? $value->[$index] : $value;
}

sub check ($$$$) {
    my ($block, $response, $index, $many) = @_;

    my $name = $block->name;
    my $want = sub { expected($name, $block->{ $_[0] }[0], $index, $many) };

    is($response->{code}, exists $block->{error_code}
                          ? $want->('error_code') : 200,
       "$name - status code, request $index");

    check_headers($name, $response, $want->('response_headers'), 0);
    check_headers($name, $response, $want->('response_headers_like'), 1);

    my $body = $want->('response_body');
    my $like = $want->('response_body_like');

    if (ref $body) {
        like($response->{body}, $body, "$name - body, request $index");

    } elsif (defined $body) {
        is($response->{body}, expand($body), "$name - body, request $index");
    }

    if (defined $like) {
        like($response->{body}, qr/$like/s, "$name - body, request $index");
    }
}

sub check_headers ($$$$) {
    my ($name, $response, $want, $like) = @_;

    for my $line (split /\n/, $want // '') {

        if ($line =~ /^\s*!\s*(\S+)/) {
            ok(!defined $response->header($1), "$name - header $1 is absent");
            next;
        }

        my ($key, $value) = $line =~ /^\s*(\S+?)\s*:\s*(.*?)\s*$/ or next;
        my $got = $response->header($key) // '';

        if ($like) {
            like($got, qr/^$value$/, "$name - header $key");
        } else {
            is($got, expand($value), "$name - header $key");
        }
    }
}

sub patterns ($) {
    my ($value) = @_;

    return () unless defined $value;
    return @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value;
}

sub check_log ($) {
    my ($block) = @_;

    my $name = $block->name;

    my @wanted = patterns($block->{error_log}[0]);
    my @lines = log_lines();

    # what is logged of a request comes after its answer

    if (@wanted) {
        my $end = time + $patience;

        while ((grep { !logged($_, @lines) } @wanted) && time < $end) {
            sleep 0.02;
            @lines = log_lines();
        }

    } elsif ($block->{wait}) {
        sleep $block->{wait}[0];
        @lines = log_lines();
    }

    for my $pattern (@wanted) {
        ok(logged($pattern, @lines), "$name - the log has \"$pattern\"");
    }

    for my $pattern (patterns($block->{no_error_log}[0])) {
        my @bad = logged($pattern, @lines);

        ok(!@bad, "$name - the log has no \"$pattern\"") or diag(@bad);
    }
}

sub log_lines () {
    return split /^/, slurp("$root/logs/error.log") . slurp("$root/logs/stdout");
}

# those of the lines that have what is looked for

sub logged ($@) {
    my ($pattern, @lines) = @_;

    return grep { ref $pattern ? /$pattern/ : /\Q$pattern\E/ } @lines;
}

sub slurp ($) {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/ = undef;

    return scalar(<$file>) // '';
}

sub spill ($$) {
    my ($path, $text) = @_;

    open my $file, '>', $path or die "open() \"$path\" failed: $!\n";
    binmode $file, ':utf8' if utf8::is_utf8($text);
    print {$file} $text;
    close $file or die "close() \"$path\" failed: $!\n";
}

sub expand ($) {
    my ($text) = @_;

    return '' unless defined $text;

    $text =~ s/\$(TEST_NGINX_[A-Z_]+)/
               $ENV{$1} \/\/ die "\$$1 is not set\n"/gex;

    return $text;
}

sub prepare ($) {
    my ($block) = @_;

    remove_tree($root);
    make_path("$root/conf", "$root/logs", "$root/html");

    my $files = $block->{user_files}[0];

    while (defined $files && $files =~ /^>>> *(\S+)[^\n]*\n(.*?)(?=^>>>|\z)/gms)
    {
        my ($path, $text) = ("$root/html/$1", $2);

        make_path($path =~ s{/[^/]*$}{}r);
        spill($path, $text);
    }

    my %section = map { $_ => expand($block->{$_}[0]) }
                  qw(main_config http_config config post_main_config);
    my $modules = join '', map { "load_module $_;\n" }
                  split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $> == 0 ? 'user root;' : '';
    my $slash = $rootless ? ''
                : "location / { root $root/html; index index.html index.htm; }";

    # what nginx was built with may belong to another user

    my $temp = join ' ', map { "${_}_temp_path $root/${_}_temp;" }
               grep { $section{http_config} !~ /\b${_}_temp_path\b/ }
               qw(client_body proxy fastcgi scgi uwsgi);

    spill("$root/conf/nginx.conf", <<"END");
worker_processes $workers;
daemon on;
master_process $master;
error_log $root/logs/error.log $level;
pid $root/logs/nginx.pid;
$user
$modules
$section{main_config}
http {
    access_log off; $temp
    default_type text/plain;
    keepalive_timeout 68s;
$section{http_config}
    server {
        listen $port;
        server_name localhost;
        client_max_body_size 30m;
$section{config}
        $slash
    }
}
events { worker_connections 64; }
$section{post_main_config}
END
}

sub start () {
    my @command = (memcheck("$root/logs"), $binary, '-p', "$root/",
                   '-c', "$root/conf/nginx.conf",
                   '-e', "$root/logs/error.log");

    my $pid = fork // die "fork() failed: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', "$root/logs/stdout";
        open STDERR, '>&', \*STDOUT;
        $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
            if $ENV{TEST_NGINX_PRELOAD};
        exec @command or POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return 0 if $? != 0;

    my $end = time + 4 * $patience;

    while (time < $end) {
        $running = slurp("$root/logs/nginx.pid");
        chomp $running;

        return 1 if $running
                    && IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");

        sleep 0.02;
    }

    return 0;
}

# a daemon's exit status may wait long for the init of a container

sub lives ($) {
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /\) [^ZX] /;
}

sub stop ($) {
    my ($name) = @_;

    my $pid = $running or return;
    my $end = time + 4 * $patience;

    kill QUIT => $pid;

    while (lives($pid)) {

        if (time > $end) {
            kill KILL => $pid;
            fail("$name - nginx quits");
            last;
        }

        sleep 0.01;
    }

    $running = undef;

    my $errors = memory_errors("$root/logs");
    my $log = slurp("$root/logs/error.log");

    $errors .= $log if $log =~ /Sanitizer|runtime error:/;

    if ($errors ne '') {
        fail("$name - no memory errors");
        diag($errors);
    }
}

# sends it all, and reads until the peer closes or all answers are there

sub talk ($$$$) {
    my ($text, $answers, $name, $heads) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        or return '';

    $socket->autoflush(1);
    print {$socket} $text;

    my $select = IO::Select->new($socket);
    my $all = '';

    while ($select->can_read($patience)) {
        my $n = sysread $socket, $all, 65536, length $all;

        return $all unless $n;

        my $copy = $all;
        my $whole = grep {
            Test::Nginx::Caphealth::Response->new(\$copy, $heads->[ $_ - 1 ])
                ->{whole}
        } 1 .. $answers;

        return $all if $whole == $answers;
    }

    fail("$name - the answer is whole within $patience s");

    return $all;
}

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

# a peer that has closed, or a reader of the output that is gone

$SIG{PIPE} = 'IGNORE';

END {
    kill KILL => $running if $running;
}

package Test::Nginx::Caphealth::Request;

# of(BLOCK, PORT): what goes over each connection, how many answers come back

sub of {
    my ($block, $port) = ($self, @_);

    my $raw = $block->{raw_request}[0];

    return { text => $raw, answers => 1, heads => [ 0 ] } if defined $raw;

    my $pipelined = $block->{pipelined_requests}[0];
    my $requests = $pipelined // $block->{request}[0];
    my @requests = ref $requests ? @$requests : $requests;
    my $headers = $block->{more_headers}[0] // '';
    my @built;

    for my $i (0 .. $#requests) {
        my $more = ref $headers ? $headers->[$i] // '' : $headers;
        my $last = !$pipelined || $i == $#requests;

        push @built, build($requests[$i], $more, $last);
    }

    return @built unless $pipelined;

    return {
        text    => join('', map { $_->{text} } @built),
        answers => scalar @built,
        heads   => [ map { @{ $_->{heads} } } @built ],
    };
}

sub build {
    my ($request, $more, $last) = ($self, @_);

    my ($line, $body) = split /\n/, $request, 2;
    my ($method, $uri, $version) = split ' ', $line;

    $version ||= 'HTTP/1.1';
    $more =~ s/\s+\z//;
    $more =~ s/\r?\n/\r\n/g;
    $body = defined $body ? $body =~ s/\n\z//r : '';

    my $text = "$method $uri $version\r\nHost: localhost\r\n"
               . 'Connection: ' . ($last ? 'close' : 'keep-alive') . "\r\n";

    $text .= "$more\r\n" if length $more;
    $text .= 'Content-Length: ' . length($body) . "\r\n" if length $body;

    return {
        text    => "$text\r\n$body",
        answers => 1,
        heads   => [ $method eq 'HEAD' ],
    };
}

package Test::Nginx::Caphealth::Response;

# new(REF TO TEXT, IS HEAD): takes one answer off the front of the text

sub new {
    my ($class, $text, $head) = ($self, @_);

    my $response = bless { code => '', headers => {}, body => '' }, $class;

    $$text =~ s/\A(HTTP\S+ (\d+)[^\r]*)\r\n(.*?)\r\n\r\n//s
        or $$text =~ s/\A(HTTP\S+ (\d+)[^\r]*)\r\n()\r\n//s
        or return $response;

    $response->{code} = $2;

    for my $line (split /\r\n/, $3) {
        my ($key, $value) = split /:\s*/, $line, 2;

        $response->{headers}{ lc $key } //= $value;
    }

    my $length = $response->header('Content-Length');
    my $chunked = ($response->header('Transfer-Encoding') // '') eq 'chunked';

    if ($head || $response->{code} =~ /^(1..|204|304)$/) {
        $response->{whole} = 1;

    } elsif ($chunked) {
        $response->{whole} = $response->chunks($text);

    } elsif (defined $length) {
        $response->{whole} = length $$text >= $length;
        $response->{body} = substr $$text, 0, $length, '';

    } else {
        $response->{body} = $$text;
        $$text = '';
    }

    return $response;
}

sub header {
    my ($key) = @_;

    return $self->{headers}{ lc $key };
}

sub chunks {
    my ($text) = @_;

    while ($$text =~ s/\A([0-9A-Fa-f]+)\r\n//) {
        my $size = hex $1;

        return 0 if length $$text < $size + 2;

        $self->{body} .= substr $$text, 0, $size, '';
        $$text =~ s/\A\r\n//;

        return 1 if $size == 0;
    }

    return 0;
}

1;
