package Caphealth::Valgrind;

# nginx and the collector under Valgrind, where TEST_NGINX_USE_VALGRIND asks
# for it.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(memcheck memory_errors patience program);

my $wanted = $ENV{TEST_NGINX_USE_VALGRIND};

# memcheck(DIRECTORY): what to put before a command; each process reports into
# a file of its own in there

sub memcheck {
    my ($dir) = @_;

    return if !$wanted;

    # in the converter's sandbox Valgrind itself could not live

    return (qw(valgrind -q --trace-children=yes --num-callers=30
               --trace-children-skip=*/caphealth-converter
               --leak-check=full --errors-for-leak-kinds=definite
               --show-leak-kinds=definite --keep-debuginfo=yes
               --suppressions=t/lib/valgrind.supp),
            "--log-file=$dir/valgrind.%p");
}

# memory_errors(DIRECTORY): what was reported there, which is '' if nothing was

sub memory_errors {
    my ($dir) = @_;

    my $errors = '';

    for my $path (glob "$dir/valgrind.*") {
        open my $file, '<', $path or next;

        # "--" is what Valgrind says of itself: it does not know Landlock

        $errors .= join '', grep { /^==/ } <$file>;
    }

    return $errors;
}

# patience(SECONDS): so many, or more where everything is slow

sub patience {
    my ($seconds) = @_;

    return $wanted ? 6 * $seconds : $seconds;
}

# program(ARGUMENT, ...): of a process's arguments, those of the program that
# is under test

sub program {
    my @arguments = @_;

    return @arguments
        if !$wanted || !@arguments || $arguments[0] !~ /valgrind|memcheck/;

    shift @arguments;
    shift @arguments while @arguments && $arguments[0] =~ /^-/;

    return @arguments;
}

1;
