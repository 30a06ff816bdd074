//! `import`: access logs into the store.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use endpoint_stats_core::store::StatsStore;

use super::{Failure, open, print};
use crate::cli::ImportArgs;
use crate::import::{
    ImportError, ImportErrorKind, ImportOptions, ImportSummary, LineFormat, ProgressBar, RouteTemplates, Source,
    follow, import,
};
use crate::serve::interrupted;
use crate::settings::{SettingError, service_name, width};

pub(super) async fn run(args: ImportArgs) -> Result<(), Failure> {
    let options = options(&args)?;
    if args.follow && (args.files.len() != 1 || args.files[0] == Path::new("-")) {
        return Err(Failure::usage("--follow takes one file, which is not standard input".to_owned()));
    }
    let store = open(&args.store).await?;
    for file in &args.files {
        let summary = count(file, &options, &store, args.follow).await?;
        print(describe(file, &summary));
    }
    Ok(())
}

fn options(args: &ImportArgs) -> Result<ImportOptions, Failure> {
    let format: LineFormat = args.format.parse().map_err(Failure::setting)?;
    let routes = match &args.routes {
        None => RouteTemplates::inferred(),
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|_| {
                SettingError::new("--routes", &file.display().to_string(), "a file of text that can be read")
            })?;
            RouteTemplates::from_list(&text).map_err(Failure::setting)?
        }
    };
    Ok(ImportOptions::new(service_name(&args.service)?)
        .with_format(format)
        .with_routes(routes)
        .with_width(width(&args.window)?))
}

async fn count(
    file: &Path,
    options: &ImportOptions,
    store: &Arc<dyn StatsStore>,
    is_followed: bool,
) -> Result<ImportSummary, Failure> {
    let bar = ProgressBar::new();
    let mut show = |progress| bar.show(progress);
    let store = Arc::clone(store);
    let counted = if is_followed {
        follow(file, options, store, &mut show, interrupted()).await
    } else {
        let source = if file == Path::new("-") { Source::Stdin } else { Source::File(file.to_owned()) };
        import(source, options, store, &mut show).await
    };
    bar.clear();
    counted.map_err(|error| failure(file, error))
}

fn failure(file: &Path, error: ImportError) -> Failure {
    if let Some(summary) = error.summary() {
        print(describe(file, summary));
    }
    match error.kind() {
        ImportErrorKind::Setting | ImportErrorKind::Input => Failure::setting(error),
        _ => Failure::from(anyhow::Error::new(error)),
    }
}

fn describe(file: &Path, summary: &ImportSummary) -> String {
    let mut text = format!(
        "{}: {} counted, {} counted before, {} rejected, {} folded\n",
        file.display(),
        summary.counted,
        summary.already_counted,
        summary.rejected,
        summary.folded,
    );
    for (reason, lines) in &summary.reasons {
        let _ = writeln!(text, "  rejected: {reason}: {lines}");
    }
    for line in &summary.rejected_lines {
        let _ = writeln!(text, "  line {}: {}: {}", line.number, line.reason, line.start);
    }
    let unseen = summary.rejected.saturating_sub(summary.rejected_lines.len() as u64);
    if unseen > 0 {
        let _ = writeln!(text, "  and {unseen} more");
    }
    text
}
