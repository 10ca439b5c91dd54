//! Everything you do by hand between "the provider sent something" and "my handler works".

mod check;
mod failure;
mod inbox;
mod input;
mod inspect;
mod json;
mod keys;
mod listen;
mod net;
mod provider;
mod redact;
mod send;
mod shape;
mod terminal;
mod why;

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use crate::failure::Failure;

/// Inspect, explain, send, receive and attack lead webhooks
#[derive(Debug, Parser)]
#[command(name = "leadhook", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Why(why::Arguments),
    Send(send::Arguments),
    Listen(listen::Arguments),
    Check(check::Arguments),
    Shape(shape::Arguments),
    Inbox(inbox::Arguments),
    /// Print the completions of a shell
    #[command(
        after_help = "Example: leadhook completions bash > ~/.local/share/bash-completion/completions/leadhook"
    )]
    Completions {
        shell: clap_complete::Shell,
    },
    /// Print a man page
    #[command(after_help = "Example: leadhook man inbox replay | man -l -")]
    Man {
        /// The command that it is about, such as `check` or `inbox replay` [default: the whole]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(74),
            };
        }
        Err(error) => {
            let text = conceal(error.render().to_string(), env::args_os().skip(1));
            Err(Failure::Usage(one_line(&text)))
        }
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => {
            // A server or a file's name could contain line ends.
            let line = failure.to_string().replace(char::is_control, " ");
            let _ = writeln!(io::stderr(), "leadhook: {line}");
            failure.status().into()
        }
    }
}

fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Inspect(arguments) => arguments.run(),
        Command::Why(arguments) => arguments.run(),
        Command::Send(arguments) => arguments.run(),
        Command::Listen(arguments) => arguments.run(),
        Command::Check(arguments) => arguments.run(),
        Command::Shape(arguments) => arguments.run(),
        Command::Inbox(arguments) => arguments.run(),
        Command::Completions { shell } => {
            // clap writes completions to any writer and panics if that fails.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "leadhook", &mut script);
            io::stdout().write_all(&script)?;
            Ok(0)
        }
        Command::Man { command } => {
            let mut whole = Cli::command();
            whole.build();
            let mut page = &whole;
            for name in &command {
                page = page
                    .find_subcommand(name)
                    .ok_or_else(|| Failure::Usage(format!("there is no command {name}")))?;
            }
            clap_mangen::Man::new(page.clone()).render(&mut io::stdout())?;
            Ok(0)
        }
    }
}

/// Leaves out of clap's error what may hold a password or be personal: the URL of a database in the wrong place.
fn conceal(mut text: String, arguments: impl Iterator<Item = OsString>) -> String {
    for argument in arguments {
        let argument = argument.to_string_lossy();
        if !argument.contains("://") && !argument.contains('@') {
            continue;
        }
        let value = argument
            .split_once('=')
            .filter(|_| argument.starts_with('-'));
        for part in value
            .map(|(_, value)| value)
            .into_iter()
            .chain([&*argument])
        {
            text = text.replace(part, "…");
        }
    }
    text
}

/// Joins the lines of clap's error, without the usage after it.
fn one_line(error: &str) -> String {
    let lines = error.lines().map(str::trim);
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).into()
}
