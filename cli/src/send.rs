//! `leadhook send`

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use leadhook::Secret;

use crate::{
    failure::Failure,
    input::Input,
    json,
    net::Target,
    provider::{Kind, TOKEN_HEADER, TOKEN_PARAMETER},
    terminal::{GREEN, RED, paint, plain},
};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Sign a sample or a file and post it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without SAMPLE, lists the provider's samples. Redirects are not followed. Tomba's token is sent in the
header `x-webhook-token` and in the query parameter `token`, so both kinds of receivers find it.

Exit status: 0 the response is 2xx, 1 another response, 64 usage error, 69 no response within 30 s

Example: leadhook send grader submission-scored http://127.0.0.1:8080/webhooks/grader \\
             --set data.submission.form_data.budget='\"10k\"'")]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    provider: Kind,
    /// The name of a sample, the file of a body, or a delivery saved by `leadhook listen`
    #[arg(value_name = "SAMPLE|FILE")]
    body: Option<String>,
    #[arg(requires = "body")]
    url: Option<String>,
    /// Set a value in the body, such as `data.score=87`
    #[arg(long, value_name = "PATH=JSON")]
    set: Vec<String>,
    /// Send a wrong signature or token of the right form
    #[arg(long, conflicts_with = "unsigned")]
    forged: bool,
    /// Send no signature or token
    #[arg(long)]
    unsigned: bool,
    /// Print a `curl` command instead of sending
    #[arg(long)]
    print: bool,
    /// The environment variable that holds the secret or token [default: the provider's, such as
    /// `GRADER_WEBHOOK_SECRET`]
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let samples = self.provider.samples();
        let (Some(name), Some(url)) = (&self.body, &self.url) else {
            let names: Vec<&str> = samples.iter().map(|(name, _)| *name).collect();
            return Err(Failure::Usage(format!(
                "expected a sample or a file, and a URL; the samples are {}",
                names.join(", ")
            )));
        };
        let mut target = Target::parse(url)?;
        let body = match samples.iter().find(|(sample, _)| sample == name) {
            Some((_, body)) => body.as_bytes().to_vec(),
            None => file(name, &samples)?,
        };
        let body = set(body, &self.set)?;

        let mut headers = vec![("content-type".into(), b"application/json".to_vec())];
        let variable = self
            .secret_env
            .as_deref()
            .unwrap_or(self.provider.variable());
        let mut token = None;
        if !self.unsigned {
            let secret = Secret::from_env(variable)?;
            let secret = if self.forged {
                Secret::new("this is not the secret")?
            } else {
                secret
            };
            match self.provider.sign(&secret, &body) {
                Some(signature) => headers.push((self.provider.header().into(), signature.into())),
                None if self.forged => token = Some(b"this-is-not-the-token".to_vec()),
                // The variable was just read, so it is set and Unicode.
                None => token = std::env::var(variable).ok().map(String::into_bytes),
            }
        }
        if self.print {
            let variable = token.is_some().then_some(variable).filter(|_| !self.forged);
            let forged = token.filter(|_| self.forged);
            return print(url, &headers, variable, forged, &body);
        }
        if let Some(token) = token {
            target = target.with_parameter(TOKEN_PARAMETER, &token);
            headers.push((TOKEN_HEADER.into(), token));
        }
        let response = target
            .send(&headers, &body, TIME_LIMIT)
            .map_err(|error| target.unreachable(error))?;
        let is_success = (200..300).contains(&response.status);
        let status = format!("{} {}", response.status, plain(&response.reason));
        let status = paint(&status, if is_success { GREEN } else { RED });
        let text = plain(&String::from_utf8_lossy(&response.body));
        writeln!(io::stdout(), "{status} {text}")?;
        Ok(u8::from(!is_success))
    }
}

/// Reads a file, and suggests a sample if there is none.
fn file(name: &str, samples: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
    if !Path::new(name).exists() && name != "-" {
        let close = samples
            .iter()
            .map(|(sample, _)| (strsim::jaro(sample, name), *sample))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|(left, _), (right, _)| left.total_cmp(right));
        if let Some((_, sample)) = close {
            return Err(Failure::Usage(format!(
                "{name} is neither a sample nor a file; did you mean {sample}?"
            )));
        }
    }
    Ok(Input::read(Path::new(name))?.not_empty()?.body)
}

fn set(body: Vec<u8>, changes: &[String]) -> Result<Vec<u8>, Failure> {
    if changes.is_empty() {
        return Ok(body);
    }
    let usage = |text: String| Failure::Usage(text);
    let mut node = json::parse(&body)
        .ok_or_else(|| usage("the body is not JSON, so --set can't change it".into()))?;
    for change in changes {
        let (path, value) = change
            .split_once('=')
            .ok_or_else(|| usage("--set expects PATH=JSON".into()))?;
        let value = json::parse(value.as_bytes()).ok_or_else(|| {
            usage(format!(
                "the value for {path} is not JSON; a text needs quotes: --set {path}='\"text\"'"
            ))
        })?;
        node.set(path, value).ok_or_else(|| {
            usage(format!(
                "the body has nothing at {path} up to its last part"
            ))
        })?;
    }
    Ok(node.to_bytes())
}

/// Prints the request as a command for a POSIX shell.
fn print(
    url: &str,
    headers: &[(String, Vec<u8>)],
    token_variable: Option<&str>,
    forged_token: Option<Vec<u8>>,
    body: &[u8],
) -> Result<u8, Failure> {
    if body.contains(&0) {
        return Err(Failure::Usage(
            "the body has a NUL byte, which no shell command can contain".into(),
        ));
    }
    let mut command = b"curl --globoff --max-time 30".to_vec();
    for (name, value) in headers {
        let header = [name.as_bytes(), b": ", value].concat();
        command.extend([b" \\\n  --header ".as_slice(), &quote(&header)].concat());
    }
    if let Some(token) = forged_token {
        let header = [TOKEN_HEADER.as_bytes(), b": ", &token].concat();
        command.extend([b" \\\n  --header ".as_slice(), &quote(&header)].concat());
    }
    if let Some(variable) = token_variable {
        // The token itself stays out of the command.
        command.extend(format!(" \\\n  --header \"{TOKEN_HEADER}: ${variable}\"").into_bytes());
    }
    // `--data-binary` would read a file if the body starts with `@`.
    command.extend([b" \\\n  --data-raw ".as_slice(), &quote(body)].concat());
    command.extend([b" \\\n  ".as_slice(), &quote(url.as_bytes()), b"\n"].concat());
    io::stdout().write_all(&command)?;
    Ok(0)
}

fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in text {
        if byte == b'\'' {
            quoted.extend_from_slice(b"'\\''");
        } else {
            quoted.push(byte);
        }
    }
    quoted.push(b'\'');
    quoted
}
