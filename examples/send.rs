//! Signs a sample or a file and posts it to a receiver, so that you can try the receiver without an
//! account at the provider.
//!
//! ```text
//! send PROVIDER SAMPLE|FILE URL
//! ```
//!
//! PROVIDER is `grader`, `graphoid`, `scoreapp` or `tomba`. Without further arguments, `send` lists the
//! provider's samples. The secret comes from the same environment variable as in the receivers:
//! `GRADER_WEBHOOK_SECRET`, `GRAPHOID_WEBHOOK_SECRET`, `SCOREAPP_WEBHOOK_SECRET` or
//! `TOMBA_WEBHOOK_TOKEN`. Tomba's token is sent in the header `x-webhook-token` and in the query
//! parameter `token`, so both kinds of receivers find it.
//!
//! `send` prints the status and the body of the response, and exits with 0 if the status is 2xx. The
//! URL must begin with `http://`: if your receiver is behind a TLS proxy, send to the receiver itself.

use std::{env, error::Error, ffi::OsString, fs, process::ExitCode};

use leadhook::{
    Provider, Secret,
    samples::{self, Sample, SampleRequest},
};
use reqwest::{Client, Url, redirect::Policy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprint!("send: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::from(64)
        }
    }
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(OsString::into_string)
        .collect::<Result<_, _>>()
        .map_err(|_| "the arguments must be Unicode")?;
    let [provider, rest @ ..] = arguments.as_slice() else {
        return Err("usage: send PROVIDER SAMPLE|FILE URL".into());
    };
    match provider.as_str() {
        "grader" => {
            let secret = Secret::from_env("GRADER_WEBHOOK_SECRET");
            send(samples::grader::ALL, rest, |request| {
                Ok(request.sign(&secret?))
            })
            .await
        }
        "graphoid" => {
            let secret = Secret::from_env("GRAPHOID_WEBHOOK_SECRET");
            send(samples::graphoid::ALL, rest, |request| {
                Ok(request.sign(&secret?))
            })
            .await
        }
        "scoreapp" => {
            let secret = Secret::from_env("SCOREAPP_WEBHOOK_SECRET");
            send(samples::scoreapp::ALL, rest, |request| {
                Ok(request.sign(&secret?))
            })
            .await
        }
        "tomba" => {
            let token = Secret::from_env("TOMBA_WEBHOOK_TOKEN");
            send(samples::tomba::ALL, rest, |request| {
                let token = token?;
                Ok(request
                    .with_header_token("x-webhook-token", &token)
                    .with_query_token("token", &token))
            })
            .await
        }
        _ => Err("the provider must be grader, graphoid, scoreapp or tomba".into()),
    }
}

/// Sends one request, and returns whether it succeeded.
async fn send<P: Provider>(
    samples: &[Sample<P>],
    arguments: &[String],
    authenticate: impl FnOnce(SampleRequest<P>) -> Result<SampleRequest<P>, leadhook::SecretError>,
) -> Result<bool, Box<dyn Error>> {
    let [body, url] = arguments else {
        let names: Vec<&str> = samples.iter().map(Sample::name).collect();
        return Err(format!(
            "expected a sample or a file, and a URL; the samples are {}",
            names.join(", ")
        )
        .into());
    };
    let request = match samples.iter().find(|sample| sample.name() == body) {
        Some(sample) => sample.request(),
        None => SampleRequest::new(fs::read(body).map_err(|error| format!("{body}: {error}"))?),
    };
    let mut url = Url::parse(url)?;
    let request = authenticate(request)?;
    if let Some((_, token)) = request.uri().split_once('?') {
        let query: Vec<&str> = url.query().into_iter().chain([token]).collect();
        url.set_query(Some(&query.join("&")));
    }
    // Redirects are not followed, because the signature and the token are for this host only.
    let client = Client::builder().redirect(Policy::none()).no_proxy();
    let mut post = client.build()?.post(url);
    for (name, value) in request.headers() {
        post = post.header(name, value);
    }
    let sent = post.body(request.body().clone()).send().await;
    let response = sent.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    println!("{status} {}", response.text().await?);
    Ok(status.is_success())
}
