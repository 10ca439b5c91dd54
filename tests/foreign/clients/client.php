<?php
// The PHP clients: curl, streams and Guzzle. The interface is described in client.py.

function prepare(array $job): array
{
    $body = $job['text'] ?? json_encode($job['body'], JSON_THROW_ON_ERROR);
    $body = str_pad($body, $job['pad_to'] ?? 0);
    $headers = ['Content-Type' => 'application/json'] + $job['headers'];
    if (isset($job['sign'])) {
        $digest = hash_hmac('sha256', $body, $job['sign']['secret']);
        $headers[$job['sign']['header']] = $job['sign']['prefix'] . $digest;
    }
    return [$body, $headers];
}

function lines(array $headers): array
{
    return array_map(fn($name) => "$name: $headers[$name]", array_keys($headers));
}

function is_streamed(array $job): bool
{
    return isset($job['pause']) || isset($job['chunked']);
}

function client_curl(): Closure
{
    $curl = curl_init();
    return function (array $job) use ($curl): array {
        [$body, $headers] = prepare($job);
        $options = [
            CURLOPT_URL => $job['url'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 30,
            CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
        ];
        if (is_streamed($job)) {
            $position = null;
            $options[CURLOPT_READFUNCTION] = function ($_, $__, $length) use ($body, $job, &$position) {
                if ($position === null) {
                    usleep((int) (($job['pause'] ?? 0) * 1e6));
                    $position = 0;
                }
                $part = substr($body, $position, $length);
                $position += strlen($part);
                return $part;
            };
            $options[CURLOPT_UPLOAD] = true;
            $options[CURLOPT_CUSTOMREQUEST] = 'POST';
            if (!isset($job['chunked'])) {
                $options[CURLOPT_INFILESIZE] = strlen($body);
            }
            $headers['Expect'] = '';
        } else {
            $options[CURLOPT_POST] = true;
            $options[CURLOPT_POSTFIELDS] = $body;
        }
        $options[CURLOPT_HTTPHEADER] = lines($headers);
        curl_reset($curl);
        curl_setopt_array($curl, $options);
        $answer = curl_exec($curl);
        if ($answer === false) {
            throw new Exception(curl_error($curl));
        }
        return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $answer];
    };
}

function client_stream(): Closure
{
    return function (array $job): array {
        [$body, $headers] = prepare($job);
        $context = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => lines($headers),
            'content' => $body,
            'protocol_version' => '1.1',
            'ignore_errors' => true,
            'timeout' => 30,
        ]]);
        $answer = @file_get_contents($job['url'], false, $context);
        if ($answer === false || !isset($http_response_header)) {
            throw new Exception(error_get_last()['message'] ?? 'no response');
        }
        return [(int) explode(' ', $http_response_header[0])[1], $answer];
    };
}

function client_guzzle(): Closure
{
    require_once 'GuzzleHttp/autoload.php';
    $client = new GuzzleHttp\Client(['http_errors' => false, 'timeout' => 30]);
    return function (array $job) use ($client): array {
        [$body, $headers] = prepare($job);
        $response = $client->post($job['url'], ['headers' => $headers, 'body' => $body]);
        return [$response->getStatusCode(), (string) $response->getBody()];
    };
}

[, $library, $file] = $argv;
$send = ('client_' . $library)();
// Arrays for objects, as most PHP code has them, write {} as []; the curl client keeps objects.
$text = file_get_contents($file);
$jobs = json_decode($text, true, 512, JSON_THROW_ON_ERROR);
$objects = json_decode($text, false, 512, JSON_THROW_ON_ERROR);
foreach ($jobs as $index => $job) {
    if ($library === 'curl' && isset($job['body'])) {
        $job['body'] = $objects[$index]->body;
    }
    try {
        [$status, $answer] = $send($job);
        $result = ['status' => $status, 'body' => $answer];
    } catch (Throwable $error) {
        $result = ['error' => $error->getMessage()];
    }
    echo json_encode(['id' => $job['id']] + $result, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
