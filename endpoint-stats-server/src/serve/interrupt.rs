//! [`interrupted`]: Ctrl-C or SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for Ctrl-C or SIGTERM; the one after that ends the process at once.
///
/// # Panics
///
/// When the operating system refuses to report signals.
pub async fn interrupted() {
    let mut interrupts = signal(SignalKind::interrupt()).expect("Ctrl-C can be waited for");
    let mut terminations = signal(SignalKind::terminate()).expect("SIGTERM can be waited for");
    either(&mut interrupts, &mut terminations).await;
    tokio::spawn(async move {
        either(&mut interrupts, &mut terminations).await;
        std::process::exit(130);
    });
}

async fn either(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
