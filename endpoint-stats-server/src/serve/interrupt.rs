//! [`interrupted`]: Ctrl-C or SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for Ctrl-C or SIGTERM, from this call on; the one after that ends the process at once.
///
/// # Panics
///
/// When called outside of a tokio runtime, or when the operating system refuses to report signals.
pub fn interrupted() -> impl Future<Output = ()> + Send {
    // Here and not when first polled: a signal that comes in between must not find the default, which is to die.
    let mut interrupts = signal(SignalKind::interrupt()).expect("Ctrl-C can be waited for");
    let mut terminations = signal(SignalKind::terminate()).expect("SIGTERM can be waited for");
    async move {
        either(&mut interrupts, &mut terminations).await;
        tokio::spawn(async move {
            either(&mut interrupts, &mut terminations).await;
            std::process::exit(130);
        });
    }
}

async fn either(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
