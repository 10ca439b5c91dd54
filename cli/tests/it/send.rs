//! `leadhook send`, against a socket and a shell.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Output},
    thread,
};

use crate::{SECRET, assert_fails, command, run};

fn send(arguments: &[&str]) -> Output {
    let mut command = command("send");
    command
        .env("GRADER_WEBHOOK_SECRET", SECRET)
        .env("TOMBA_WEBHOOK_TOKEN", "t k");
    command
        .env("NO_COLOR", "1")
        .env_remove("SCOREAPP_WEBHOOK_SECRET");
    run(command.args(arguments), b"")
}

/// Responds once, and returns the request.
fn respond(response: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let length = socket.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..length]);
            let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let wanted = head.split("content-length: ").nth(1).unwrap();
                if body.len()
                    >= wanted
                        .split("\r\n")
                        .next()
                        .unwrap()
                        .parse::<usize>()
                        .unwrap()
                {
                    break;
                }
            }
            assert!(length > 0);
        }
        socket.write_all(response.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, server)
}

#[test]
fn posts_a_signed_sample() {
    let (url, server) =
        respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let output = send(&[
        "grader",
        "submission-scored",
        &url,
        "--set",
        "data.submission.score=3",
    ]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200 OK abc\n");
    assert_eq!(output.status.code(), Some(0));
    let request = server.join().unwrap();
    assert!(
        request.starts_with("POST /hook?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("\"score\":3,"), "{request}");
    // The request is what `inspect` accepts.
    let mut inspect = command("inspect");
    let output = run(
        inspect.args(["grader", "--secret-env", "SECRET", "-"]),
        request.as_bytes(),
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn sends_tombas_token_in_both_places() {
    let (url, server) =
        respond("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n\x1b[2J");
    let output = send(&["tomba", "email-verifier", &url]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "503 Service Unavailable \u{fffd}[2J\n"
    );
    let request = server.join().unwrap();
    assert!(
        request.starts_with("POST /hook?a=b&token=t%20k HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nx-webhook-token: t k\r\n"),
        "{request}"
    );
}

#[test]
fn prints_a_command_that_sends_the_same_bytes() {
    let file = std::env::temp_dir().join(format!("leadhook-print-{}", std::process::id()));
    let body = "@{\"a\":\"it's $HOME `x` \\\"é\\\" \\\\ !!\"}\n\r\n  \n";
    std::fs::write(&file, body).unwrap();
    let (url, server) = respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let output = send(&["grader", file.to_str().unwrap(), &url, "--print"]);
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(!script.contains(SECRET));
    let curl = Command::new("sh")
        .arg("-c")
        .arg(script.replace("curl ", "curl --noproxy '*' --silent "))
        .output()
        .unwrap();
    assert!(curl.status.success(), "{curl:?}");
    let request = server.join().unwrap();
    let (head, sent) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body);
    assert!(
        head.to_ascii_lowercase().contains("x-grader-signature: "),
        "{head}"
    );
    std::fs::remove_file(file).unwrap();

    let output = send(&["tomba", "save-lead", "http://127.0.0.1/", "--print"]);
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(
        script.contains("\"x-webhook-token: $TOMBA_WEBHOOK_TOKEN\"") && !script.contains("t k"),
        "{script}"
    );
}

#[test]
fn bad_use_is_one_line() {
    let url = "http://127.0.0.1:1/";
    let cases: [(&[&str], i32, &str); 12] = [
        (&["grader"], 64, "submission-scored"),
        (
            &["grader", "submision-scored", url],
            64,
            "did you mean submission-scored?",
        ),
        (&["grader", "/no/such/file", url], 64, "/no/such/file"),
        (
            &["grader", "submission-scored", "127.0.0.1:1"],
            64,
            "no scheme",
        ),
        (
            &["grader", "submission-scored", "ftp://x/"],
            64,
            "neither http nor https",
        ),
        (
            &["grader", "submission-scored", "http://u:p@x/"],
            64,
            "user name",
        ),
        (
            &["grader", "submission-scored", "http://x/ y"],
            64,
            "percent-encoded",
        ),
        (&["grader", "submission-scored", url], 69, "refused"),
        (
            &["scoreapp", "quiz-finished", url],
            64,
            "SCOREAPP_WEBHOOK_SECRET: the environment variable is not set",
        ),
        (
            &["grader", "submission-scored", url, "--set", "a.b=1"],
            64,
            "nothing at a.b",
        ),
        (
            &["grader", "submission-scored", url, "--set", "a=b"],
            64,
            "needs quotes",
        ),
        (
            &["grader", "submission-scored", url, "--forged", "--unsigned"],
            64,
            "cannot be used with",
        ),
    ];
    for (arguments, status, reason) in cases {
        assert_fails(&send(arguments), status, reason);
    }
    if !cfg!(feature = "tls") {
        assert_fails(
            &send(&["grader", "submission-scored", "https://x/"]),
            64,
            "--features tls",
        );
    }
}
