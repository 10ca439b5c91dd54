//! A proxy before a server that breaks connections.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::server::Server;

/// What a [`Proxy`] does to a call.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Fault {
    /// Passes it on, and its answer back.
    None,
    /// Breaks the connection before the server gets the next call.
    CutCall,
    /// Breaks the connection after the server has executed the next call.
    CutAnswer,
    /// Keeps the answers of this and all later calls.
    Hang,
}

/// Passes connections on to a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn start(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let fault = Arc::new(AtomicU8::new(Fault::None as u8));
        let (faults, server) = (fault.clone(), server.address());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, faults.clone()));
            }
        });
        Self { address, fault }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }
}

/// Passes a connection on, until either side or a fault ends it.
async fn pass(mut client: TcpStream, server: SocketAddr, fault: Arc<AtomicU8>) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut calls, mut answers) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    // A cut is for one connection.
    let cut = |kind: Fault| {
        let none = Fault::None as u8;
        fault
            .compare_exchange(kind as u8, none, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    };
    loop {
        tokio::select! {
            length = client.read(&mut calls) => {
                let length = length?;
                if length == 0 || cut(Fault::CutCall) {
                    return Ok(());
                }
                server.write_all(&calls[..length]).await?;
            }
            length = server.read(&mut answers) => {
                let length = length?;
                if length == 0 || cut(Fault::CutAnswer) {
                    return Ok(());
                }
                if fault.load(Ordering::SeqCst) != Fault::Hang as u8 {
                    client.write_all(&answers[..length]).await?;
                }
            }
        }
    }
}
