//! Being asked to stop: Ctrl-C, and what a scheduler or a pipeline sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use crate::files;

/// Requests to stop, from when this was made.
pub struct Interrupts {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

/// What asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The keyboard.
    Interrupt,
    /// Another process.
    Terminate,
}

impl Request {
    /// What a shell calls a process that ended by this.
    pub fn exit_code(self) -> u8 {
        match self {
            Request::Interrupt => 130,
            Request::Terminate => 143,
        }
    }
}

impl Interrupts {
    /// Listens from now on; within a runtime.
    pub fn new() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Interrupts {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Interrupts {})
    }

    /// The next request.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Terminate,
            _ = self.interrupt.recv() => Request::Interrupt,
        }
    }

    /// The next request; elsewhere only the keyboard asks.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Request {
        // Without a keyboard nobody asks.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Request::Interrupt
    }
}

/// From now on, a request to stop ends the process and leaves nothing half written.
pub fn leave_nothing_behind() -> io::Result<()> {
    listen(|request| files::abandon_and_exit(request.exit_code()))
}

/// Listens on a thread of its own.
fn listen(mut hear: impl FnMut(Request) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut interrupts = {
        let _within = runtime.enter();
        Interrupts::new()?
    };
    thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            loop {
                hear(runtime.block_on(interrupts.next()));
            }
        })?;
    Ok(())
}

/// A flag that the first request to stop raises; the second ends the process and leaves
/// nothing half written.
pub fn flag() -> io::Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&raised);
    listen(move |request| {
        if flag.swap(true, Ordering::Relaxed) {
            files::abandon_and_exit(request.exit_code());
        }
    })?;
    Ok(raised)
}
