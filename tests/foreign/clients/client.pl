# The Perl clients: HTTP::Tiny, LWP and Mojo::UserAgent. The interface is described in client.py.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP;
use Time::HiRes qw(sleep);

sub prepare {
    my ($job) = @_;
    # Perl orders an object's keys at random, each time in another way.
    my $body = $job->{text} // JSON::PP->new->utf8->encode($job->{body});
    $body .= ' ' x (($job->{pad_to} // 0) - length $body);
    my %headers = ('content-type' => 'application/json', %{ $job->{headers} });
    if (my $sign = $job->{sign}) {
        $headers{ $sign->{header} } = $sign->{prefix} . hmac_sha256_hex($body, $sign->{secret});
    }
    return ($body, \%headers);
}

# The body in parts, after a pause; undef at its end.
sub parts {
    my ($job, $body) = @_;
    my ($pause, $position) = ($job->{pause} // 0, 0);
    return sub {
        sleep $pause if $pause;
        $pause = 0;
        return if $position >= length $body;
        my $part = substr $body, $position, 16384;
        $position += length $part;
        return $part;
    };
}

sub is_streamed { return defined $_[0]{pause} || defined $_[0]{chunked} }

sub http_tiny {
    require HTTP::Tiny;
    my $client = HTTP::Tiny->new(keep_alive => 1, timeout => 30);
    return sub {
        my ($job) = @_;
        my ($body, $headers) = prepare($job);
        my $content = $body;
        if (is_streamed($job)) {
            $content = parts($job, $body);
            $headers->{'content-length'} = length $body unless $job->{chunked};
        }
        my $response = $client->post($job->{url}, { headers => $headers, content => $content });
        die $response->{content} if $response->{status} == 599;
        return ($response->{status}, $response->{content});
    };
}

sub lwp {
    require LWP::UserAgent;
    my $client = LWP::UserAgent->new(keep_alive => 1, timeout => 30);
    return sub {
        my ($job) = @_;
        my ($body, $headers) = prepare($job);
        my $content = $body;
        if (is_streamed($job)) {
            my $next = parts($job, $body);
            $content = sub { $next->() // '' };
            $headers->{'content-length'} = length $body unless $job->{chunked};
        }
        my $request = HTTP::Request->new(POST => $job->{url}, [%$headers], $content);
        my $response = $client->request($request);
        die $response->status_line if ($response->header('client-warning') // '') eq 'Internal response';
        return ($response->code, $response->content);
    };
}

sub mojo {
    require Mojo::UserAgent;
    my $client = Mojo::UserAgent->new(request_timeout => 30, max_response_size => 0);
    return sub {
        my ($job) = @_;
        my ($body, $headers) = prepare($job);
        my $response = $client->post($job->{url}, $headers, $body)->result;
        return ($response->code, $response->body);
    };
}

my ($library, $file) = @ARGV;
my $send = { 'http-tiny' => \&http_tiny, lwp => \&lwp, mojo => \&mojo }->{$library}->();
open my $handle, '<:raw', $file or die "$file: $!";
my $jobs = JSON::PP->new->utf8->decode(do { local $/; <$handle> });
$| = 1;
for my $job (@$jobs) {
    my %result;
    eval { @result{qw(status body)} = $send->($job); $result{status} += 0; 1 } or %result = (error => "$@");
    print JSON::PP->new->latin1->encode({ id => $job->{id}, %result }), "\n";
}
