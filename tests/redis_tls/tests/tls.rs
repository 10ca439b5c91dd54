//! A Redis server that speaks TLS only, with a certificate of a private authority.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

struct Server {
    process: Child,
    directory: PathBuf,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(directory)
        .args(arguments)
        .output()
        .expect("openssl is installed (Debian: apt-get install openssl)");
    assert!(output.status.success(), "{output:?}");
}

impl Server {
    fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("redis-tls-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ];
        let authority = ["req", "-x509", "-days", "2", "-subj", "/CN=authority"];
        let files = ["-keyout", "authority.key", "-out", "authority.pem"];
        openssl(&directory, &[&authority[..], &key, &files].concat());
        let request = [
            "req",
            "-subj",
            "/CN=redis",
            "-keyout",
            "redis.key",
            "-out",
            "redis.csr",
        ];
        openssl(&directory, &[&request[..], &key].concat());
        fs::write(directory.join("redis.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        let sign = [
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            "redis.csr",
            "-extfile",
            "redis.ext",
        ];
        let by = [
            "-CA",
            "authority.pem",
            "-CAkey",
            "authority.key",
            "-out",
            "redis.pem",
        ];
        openssl(&directory, &[&sign[..], &by, &["-CAcreateserial"]].concat());

        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--tls-port",
            ])
            .arg(port.to_string())
            .args([
                "--tls-cert-file",
                "redis.pem",
                "--tls-key-file",
                "redis.key",
            ])
            .args([
                "--tls-ca-cert-file",
                "authority.pem",
                "--tls-auth-clients",
                "no",
            ])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (Debian: apt-get install redis-server)");
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Self {
            process,
            directory,
            port,
        }
    }

    /// Runs the program, which trusts the authority in this file.
    fn run(&self, scheme: &str, trusted: &Path) -> Output {
        Command::new(env!("CARGO_BIN_EXE_redis-tls"))
            .arg(format!("{scheme}://127.0.0.1:{}", self.port))
            .env("SSL_CERT_FILE", trusted)
            .output()
            .unwrap()
    }
}

#[test]
fn an_event_is_handled_once_over_tls() {
    let server = Server::start();
    let authority = server.directory.join("authority.pem");

    let output = server.run("rediss", &authority);
    assert!(output.status.success(), "{output:?}");
    let outcomes = String::from_utf8(output.stdout).unwrap();
    assert_eq!(outcomes, "Handled(())\nAlreadyHandled\n");

    // Without TLS, and with an authority that did not sign the certificate, there is an error.
    openssl(
        &server.directory,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=other",
            "-keyout",
            "other.key",
            "-out",
            "other.pem",
        ],
    );
    for (scheme, trusted) in [("redis", "authority.pem"), ("rediss", "other.pem")] {
        let output = server.run(scheme, &server.directory.join(trusted));
        assert!(!output.status.success(), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("panicked"), "{error}");
        assert!(error.contains("Unavailable"), "{error}");
    }
}
