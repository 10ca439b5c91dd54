//! A server that demands TLS, one that has none, and a way that must not be in clear text.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use leadhook::Graphoid;
use leadhook_inbox::{Accepted, Error, Inbox, Postgres};

use crate::support::{delivery, postgres::Server};

/// An address of this machine that is not loopback, so that it counts as another machine's.
fn other_address() -> Option<String> {
    let output = Command::new("hostname").arg("-I").output().ok()?;
    let addresses = String::from_utf8(output.stdout).ok()?;
    let address = addresses
        .split_whitespace()
        .find(|address| address.contains('.'));
    address.map(Into::into)
}

fn server(port: u16, settings: &[&str]) -> Option<Server> {
    let port = format!("port = {port}");
    let mut all = vec!["listen_addresses = '*'", &port];
    all.extend(settings);
    Server::start_with(&all, |data| {
        let certificate = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-keyout", "server.key", "-out", "server.crt"])
            .current_dir(data)
            .output()
            .unwrap();
        assert!(certificate.status.success());
        fs::set_permissions(data.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_demands_tls_gets_it() {
    let Some(server) = server(5461, &["ssl = on"]) else {
        return;
    };
    let Some(address) = other_address() else {
        return;
    };
    server.allow("hostssl all all all trust");
    for host in [address.as_str(), "127.0.0.1"] {
        for mode in ["", "?sslmode=prefer", "?sslmode=require"] {
            let url = format!("postgres://tests@{host}:5461/postgres{mode}");
            let inbox = Inbox::<Postgres>::open(&url).await.unwrap();
            let source = inbox.source::<Graphoid>("graphoid");
            assert!(source.accept(&delivery(1)).await.is_ok(), "{host}{mode}");
            inbox.close().await;
        }
    }
    // The certificate is nobody's.
    let url = format!("postgres://tests@{address}:5461/postgres?sslmode=verify-full");
    let error = Inbox::<Postgres>::open(&url).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_in_clear_text_is_an_error_that_says_how_to_allow_it() {
    let Some(server) = server(5462, &["ssl = off"]) else {
        return;
    };
    let Some(address) = other_address() else {
        return;
    };
    server.allow("host all all all trust");
    for mode in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=require"] {
        let url = format!("postgres://tests@{address}:5462/postgres{mode}");
        let error = Inbox::<Postgres>::open(&url).await.unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{mode}: {error}");
        assert!(error.to_string().contains("sslmode=disable"), "{error}");
    }
    let url = format!("postgres://tests@{address}:5462/postgres?sslmode=disable");
    let inbox = Inbox::<Postgres>::open(&url).await.unwrap();
    let source = inbox.source::<Graphoid>("graphoid");
    assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
    // To this machine, nobody can listen.
    let local = Inbox::<Postgres>::open("postgres://tests@127.0.0.1:5462/postgres").await;
    local.unwrap();
}
