//! `POST /v1/hits`: what is counted, what is refused, and that it counts once.

mod bad_input;
mod bounds;
mod counting;
mod once;
mod server;

/// A hit with what is needed, and some more fields.
fn hit(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"service":"shop","method":"GET","route":"/users/{{id}}","status":200{comma}{more}}}"#)
}
