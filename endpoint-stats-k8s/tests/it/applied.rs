//! What the tests ask: everything that can be applied, rendered once for all of them.

use std::path::Path;

use endpoint_stats_k8s::checks::Check;
use endpoint_stats_k8s::{Package, Rendered};

pub(crate) fn package() -> Package {
    Package::open(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

/// What renders; that everything does is a test of its own.
pub(crate) fn everything() -> Vec<Rendered> {
    let applied = package().applied().unwrap();
    let rendered: Vec<_> = applied.iter().filter_map(|applied| applied.rendered().ok()).collect();
    assert!(!rendered.is_empty(), "nothing can be rendered: {:?}", applied.first().map(|applied| &applied.yaml));
    rendered
}

pub(crate) fn production() -> Rendered {
    package().render("overlays/production").unwrap()
}

/// Panics with every finding, each once, and where it was found.
pub(crate) fn finds_nothing(check: Check) {
    let found = everything().into_iter().flat_map(|rendered| {
        let findings = check(&rendered);
        findings.into_iter().map(move |finding| (finding.to_string(), rendered.folder.clone()))
    });
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for (finding, folder) in found {
        match lines.iter_mut().find(|(known, _)| *known == finding) {
            Some((_, folders)) => folders.push(folder),
            None => lines.push((finding, vec![folder])),
        }
    }
    let lines: Vec<_> =
        lines.iter().map(|(finding, folders)| format!("{finding}\n    in {}", folders.join(", "))).collect();
    assert!(lines.is_empty(), "{} findings:\n  {}", lines.len(), lines.join("\n  "));
}
