//! Signs a sample or a file, and posts it to a receiver: how to try one without an account at the
//! sender.
//!
//! ```text
//! send PROVIDER SAMPLE|FILE URL
//! ```
//!
//! PROVIDER is `grader`, `graphoid`, `scoreapp` or `tomba`; without further arguments it lists its
//! samples. The secret is the one that the receivers take: `GRADER_WEBHOOK_SECRET`,
//! `GRAPHOID_WEBHOOK_SECRET`, `SCOREAPP_WEBHOOK_SECRET`, `TOMBA_WEBHOOK_TOKEN`. Tomba's token goes into
//! the header `x-webhook-token` and into the query, so that either kind of receiver finds it.
//!
//! It prints the status of the answer and its body, and ends with 0 if the status is 2xx. The URL is one
//! of `http://`: to try a receiver behind TLS, post to the server behind it.

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
        .map_err(|_| "an argument is not Unicode")?;
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
        _ => Err(format!("there is no provider {provider}").into()),
    }
}

/// Sends one request, and tells whether it succeeded.
async fn send<P: Provider>(
    samples: &[Sample<P>],
    arguments: &[String],
    authenticate: impl FnOnce(SampleRequest<P>) -> Result<SampleRequest<P>, leadhook::SecretError>,
) -> Result<bool, Box<dyn Error>> {
    let [body, url] = arguments else {
        let names: Vec<&str> = samples.iter().map(Sample::name).collect();
        return Err(format!(
            "a sample or a file, and a URL are expected; samples: {}",
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
    // No redirect is followed: the signature and the token are not for another host.
    let client = Client::builder().redirect(Policy::none()).no_proxy();
    let mut post = client.build()?.post(url);
    for (name, value) in request.headers() {
        post = post.header(name, value);
    }
    let sent = post.body(request.body().clone()).send().await;
    let answer = sent.map_err(reqwest::Error::without_url)?;
    let status = answer.status();
    println!("{status} {}", answer.text().await?);
    Ok(status.is_success())
}
