//! A proxy in front of Redis servers, which can break connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::server::Server;

/// How a [`Proxy`] treats calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Passes calls and responses on.
    None,
    /// Breaks the connection before the server gets the next call.
    CutCall,
    /// Breaks the connection after the server has executed the next call.
    CutResponse,
    /// Breaks each connection at its next call, before the server gets it.
    CutCalls,
    /// Breaks each connection after the server has executed its next call.
    CutResponses,
    /// Holds back all responses until the fault is `None` again.
    Hang,
    /// Breaks every connection at once.
    CutAll,
}

/// How a [`Proxy`] treats the connections that were open when this was set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Old {
    /// Passes calls and responses on, to the same server as before.
    Open,
    /// Swallows everything and leaves the connections open.
    Silent,
    Closed,
    /// Responds to each call with an error.
    Error(&'static str),
}

/// Passes connections on to a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: Mutex<Target>,
    fault: watch::Sender<Fault>,
    /// Connections below this number, counted in the order of their acceptance, are old.
    old: watch::Sender<(usize, Old)>,
}

struct Target {
    server: SocketAddr,
    accepted: usize,
}

impl Shared {
    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap()
    }

    /// Returns whether one of two faults is set, and clears the second, which affects one connection.
    fn cuts(&self, always: Fault, next: Fault) -> bool {
        let is_next = self.fault.send_if_modified(|fault| {
            let is_next = *fault == next;
            if is_next {
                *fault = Fault::None;
            }
            is_next
        });
        is_next || *self.fault.borrow() == always
    }
}

impl Proxy {
    pub(crate) async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target {
            server: server.address(),
            accepted: 0,
        };
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            fault: watch::Sender::new(Fault::None),
            old: watch::Sender::new((0, Old::Open)),
        });
        let proxy = Self {
            address,
            shared: shared.clone(),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, shared.clone()));
            }
        });
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Routes new connections to another server, and sets how the old connections are treated.
    pub(crate) fn lead_to(&self, server: &Server, old: Old) {
        let mut target = self.shared.target();
        target.server = server.address();
        self.shared.old.send_replace((target.accepted, old));
    }

    /// Returns the number of connections that were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.target().accepted
    }
}

/// Passes a connection on, until either side or a fault ends it.
async fn pass(mut client: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let (number, server) = {
        let mut target = shared.target();
        target.accepted += 1;
        (target.accepted - 1, target.server)
    };
    let mut server = TcpStream::connect(server).await?;
    let (mut fault, mut old) = (shared.fault.subscribe(), shared.old.subscribe());
    let (mut calls, mut responses) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let treatment = match *old.borrow_and_update() {
            (first_new, old) if number < first_new => old,
            _ => Old::Open,
        };
        match (treatment, *fault.borrow_and_update()) {
            (Old::Closed, _) | (_, Fault::CutAll) => return Ok(()),
            _ => {}
        }
        let hangs = *fault.borrow() == Fault::Hang;
        tokio::select! {
            changed = old.changed() => changed.unwrap(),
            changed = fault.changed() => changed.unwrap(),
            length = client.read(&mut calls) => {
                let length = length?;
                if length == 0 || shared.cuts(Fault::CutCalls, Fault::CutCall) {
                    return Ok(());
                }
                match treatment {
                    Old::Silent => {}
                    Old::Error(error) => client.write_all(error.as_bytes()).await?,
                    Old::Open | Old::Closed => server.write_all(&calls[..length]).await?,
                }
            }
            length = server.read(&mut responses), if !hangs => {
                let length = length?;
                if length == 0 || shared.cuts(Fault::CutResponses, Fault::CutResponse) {
                    return Ok(());
                }
                if !matches!(treatment, Old::Silent) {
                    client.write_all(&responses[..length]).await?;
                }
            }
        }
    }
}
