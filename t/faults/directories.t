# The directories that the master makes: nothing that exists is changed, by a
# test of a configuration least of all.

use strict;
use warnings;

use lib 't/lib';

use Caphealth::Server;
use Caphealth::Upload qw(photo);
use File::Temp qw(tempdir);
use Test::More;

plan skip_all => 'only root can give directories to others' if $> != 0;

our $prefix = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $port = Caphealth::Server::free_port();

chmod 0755, $prefix;

my $modules = join '', map { "load_module $_;\n" }
              split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

my $upload = 'location = /images { caphealth_image_upload; }';

# conf(MAIN, HTTP, LOCATIONS)

sub conf {
    my ($main, $http, $locations) = @_;

    open my $conf, '>', "$prefix/nginx.conf" or die $!;

    print {$conf} <<"END";
$modules
$main
pid nginx.pid;
error_log error.log notice;
events {}
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    $http
    server {
        listen 127.0.0.1:$port;
        location = /health { caphealth_health; }
        location = /stats { caphealth_image_stats; }
        $locations
    }
}
END

    close $conf or die $!;

    return;
}

# nginx(OPTIONS, AS): what it says

sub nginx {
    my ($options, $as) = @_;

    my $command = "$binary $options -p $prefix/ -c nginx.conf -e error.log";

    $command = "setpriv --reuid=$as --clear-groups $command" if $as;

    local $ENV{LD_PRELOAD} = $ENV{TEST_NGINX_PRELOAD}
        if $ENV{TEST_NGINX_PRELOAD};

    return scalar `$command 2>&1`;
}

sub check { return nginx('-t', @_) }

sub state_of {
    my ($path) = @_;

    my @stat = lstat $path or return 'absent';

    return join ' ', $stat[4], $stat[5], sprintf('%o', $stat[2]), $stat[10];
}

# unchanged(PATHS, CODE, WHAT)

sub unchanged {
    my ($paths, $code, $what) = @_;

    my %before = map { $_ => state_of($_) } @$paths;

    $code->();

    is_deeply { map { $_ => state_of($_) } @$paths }, \%before, $what;

    return;
}

my ($workers) = grep { getpwnam $_ } qw(www-data nobody);
my ($others) = grep { getpwnam $_ } qw(daemon bin);
my $uid = getpwnam $workers;

my $main = "user $workers;";
my $root = "$prefix/images";
my $state = "$prefix/state";

# without a history, whose files would change the directory's times

my $http = "caphealth_image_root $root; caphealth_state_dir $state;
            caphealth_history off;";

subtest 'what is missing' => sub {
    conf($main, $http, $upload);

    unchanged [$root, $state], sub { like check(), qr/test is successful/ },
              'a test makes nothing';

    conf($main, "caphealth_image_root $prefix/a/b/images;", $upload);
    like check(), qr{mkdir\(\) "\Q$prefix\E/a/b/images" failed, of "caph},
         'a test finds no parent';
    like check(), qr/nginx\.conf:\d+/, 'and says where that stands';

    conf($main, "caphealth_image_root $prefix/a;
                 caphealth_state_dir $prefix/a/state;", $upload);
    like check(), qr/test is successful/, 'one makes the parent of another';

    conf($main, "caphealth_image_root $prefix/nginx.conf/images;", $upload);
    like check(), qr/Not a directory/, 'a parent that is a file';

    conf($main, "caphealth_image_root $prefix/dangling;", $upload);
    symlink "$prefix/nowhere", "$prefix/dangling";
    like check(), qr/"caphealth_image_root" "\S+" is a symbolic link to what/,
         'a link to nothing';
    ok !-e "$prefix/nowhere", 'nothing is made where it leads';
};

subtest 'a start' => sub {
    conf($main, $http, $upload);
    is nginx(''), '', 'starts';

    for ($root, $state) {
        is +(stat)[4], $uid, 'is the workers\'';
        is sprintf('%o', (stat)[2] & 07777), 700, 'and only theirs';
    }

    unchanged [$root, $state], sub {
        conf("user $others;", $http, $upload);

        my $said = check();

        like $said, qr/root" "\Q$root\E" belongs to user "$workers", not/,
             'the test of another user is refused';
        like $said, qr/run "chown -R $others \Q$root\E"/, 'with the command';

        conf('user root;', $http, $upload);
        like check(), qr/test is successful/, 'root can write there';

        conf($main, $http, $upload);
        like check(), qr/test is successful/, 'its own user is fine';

        conf("user $others;", $http, $upload);
        unlike nginx('-s reload'), qr/emerg/, 'a reload is asked for';

        my $log = '';

        for (1 .. 200) {
            open my $file, '<', "$prefix/error.log" or die $!;
            local $/ = undef;
            $log = <$file>;
            last if $log =~ /reconfiguring.*belongs to user/s;
            select undef, undef, undef, 0.05;
        }

        like $log, qr/reconfiguring.*belongs to user/s,
             'and refused as well';
    }, 'the running site keeps its directories';

    is +HTTP::Tiny->new->get("http://127.0.0.1:$port/health")->{status}, 200,
       'and goes on';

    conf($main, $http, $upload);
    nginx('-s stop');
};

subtest 'what is no directory' => sub {
    for ('caphealth_image_root', 'caphealth_state_dir') {
        my $path = "$prefix/passwd";

        open my $file, '>', $path or die $!;
        close $file;

        conf($main, "$_ $path;", $upload . ($_ =~ /root/ ? ''
            : "caphealth_image_root $root;"));

        unchanged [$path], sub {
            like check(), qr/"$_" "\Q$path\E" is not a directory/, $_;
            like nginx(''), qr/is not a directory/, 'nor starts';
        }, 'the file is as it was';
    }
};

subtest 'a symbolic link' => sub {
    mkdir "$prefix/$_" for qw(etc ours);
    chown $uid, -1, "$prefix/ours" or die $!;
    symlink "$prefix/$_", "$prefix/to-$_" for qw(etc ours);

    unchanged [map { "$prefix/$_" } qw(etc to-etc ours to-ours)], sub {
        conf($main, "caphealth_image_root $prefix/to-etc;", $upload);
        like check(), qr/belongs to user "root"/, 'to another\'s directory';
        like nginx(''), qr/belongs to user "root"/, 'nor starts';

        conf($main, "caphealth_image_root $prefix/to-ours;", $upload);
        like check(), qr/test is successful/, 'to the workers\'';
    }, 'neither links nor targets change';
};

subtest 'modes' => sub {
    chmod 0500, "$prefix/ours";

    unchanged ["$prefix/ours"], sub {
        conf($main, "caphealth_image_root $prefix/ours;", $upload);
        like check(), qr/run "chmod u\+rwx \Q$prefix\E\/ours"/,
             'one that its owner cannot write';
    }, 'is not changed';
};

subtest 'what others fill' => sub {
    unchanged ["$prefix/etc"], sub {
        conf($main, "caphealth_image_root $prefix/etc;", '');
        like check(), qr/test is successful/, 'may belong to them';
    }, 'and stays theirs';
};

subtest 'user behind http' => sub {
    conf('', $http, $upload);

    open my $file, '>>', "$prefix/nginx.conf" or die $!;
    print {$file} "user $others;\n";
    close $file or die $!;

    like check(), qr/not to "$others"/, 'is known';
};

subtest 'not as root' => sub {
    my $dir = tempdir('caphealth-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $other = getpwnam $others;

    conf("error_log stderr;", "caphealth_image_root $root;", $upload);
    chmod 0755, $dir;

    # nginx's own files are in a directory of this user's

    system("cp $prefix/nginx.conf $dir/") == 0 or die;
    chown $other, -1, $dir, "$dir/nginx.conf";

    local $prefix = $dir;

    unchanged [$root], sub {
        like check($others), qr/belongs to user "$workers", not to "$others"/,
             'what is another\'s is refused';
    }, 'and is as it was';

    conf('', "caphealth_image_root $dir/mine;", $upload);
    like check($others), qr/test is successful/, 'a new one can be made';

    chmod 0555, $dir;
    mkdir "$dir/tmp";
    chown $other, -1, "$dir/tmp";
    conf('', "caphealth_image_root $dir/mine;", $upload);
    like check($others), qr/mkdir\(\) "\Q$dir\E\/mine" failed.*denied|denied/s,
         'where it cannot, the test says so';
};

subtest 'a disk that is not there is a warning' => sub {
    conf('', "caphealth_disk $prefix/later;", 'location = /h { caphealth_health; }');

    my $says = check();

    like $says, qr{\[warn\] .*"caphealth_disk" "\Q$prefix\E/later" cannot be },
         'which names it';
    like $says, qr/nginx\.conf:\d+/, 'and says where that stands';
    like $says, qr/test is successful/, 'and nothing else';

    mkdir "$prefix/later" or die $!;
    unlike check(), qr/\[warn\]/, 'one that is there';
};

done_testing;
