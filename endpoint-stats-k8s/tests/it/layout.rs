//! The folders: each renders, says what it is, and holds one object a file.

use std::fs;

use endpoint_stats_k8s::Rendered;

use crate::applied::{everything, package};

fn panics_with(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} findings:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn every_folder_renders_alone() {
    let package = package();

    let folders = package.folders().unwrap();
    let failed: Vec<_> = folders.iter().filter_map(|folder| package.render(&folder.path).err()).collect();

    assert!(folders.len() > 10, "there are {} folders", folders.len());
    panics_with(&failed);
}

#[test]
fn everything_that_can_be_applied_renders() {
    let applied = package().applied().unwrap();

    let failed: Vec<_> =
        applied.iter().filter_map(|applied| Some(format!("{}: {}", applied.name, applied.rendered().err()?))).collect();

    for overlay in ["overlays/dev", "overlays/production", "overlays/external-databases"] {
        assert!(applied.iter().any(|applied| applied.name == overlay), "no {overlay}");
    }
    panics_with(&failed);
}

/// A folder below a concern may be told of by the README above it.
#[test]
fn every_folder_is_told_of_by_a_readme() {
    let package = package();
    let is_told = |path: &str| {
        let mut above = path;
        loop {
            if let Ok(text) = fs::read_to_string(package.file(above).join("README.md")) {
                let rest = path.strip_prefix(above).unwrap_or_default().trim_start_matches('/');
                return text.contains(rest);
            }
            let Some((parent, _)) = above.rsplit_once('/') else { return false };
            above = parent;
        }
    };

    let folders = package.folders().unwrap();
    let untold = folders.iter().filter(|folder| !is_told(&folder.path));
    let untold: Vec<_> =
        untold.map(|folder| format!("{}: expected a README.md, or one above that names it", folder.path)).collect();

    panics_with(&untold);
}

#[test]
fn a_readme_begins_with_the_question_it_answers() {
    let package = package();

    let files = package.files().unwrap();
    let readmes = files.iter().filter(|file| file.ends_with("README.md"));
    let wrong = readmes.filter_map(|file| {
        let text = fs::read_to_string(package.file(file)).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let is_question = first.starts_with("# ") && first.ends_with('?');
        (!is_question).then(|| format!("{file}: line 1: expected `# …?`; found {first:?}"))
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

#[test]
fn a_file_holds_one_object() {
    let package = package();

    let manifests = package.manifests().unwrap();
    let wrong = manifests.iter().filter_map(|file| {
        let text = fs::read_to_string(package.file(file)).unwrap();
        let objects = Rendered::parse(file, &text).map(|rendered| rendered.objects.len());
        (objects != Ok(1)).then(|| format!("{file}: expected one object; found {objects:?}"))
    });

    panics_with(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_manifest_is_used() {
    let package = package();

    let manifests = package.manifests().unwrap();
    let wrong = manifests.iter().filter(|file| !file.ends_with("values.yaml")).filter(|file| {
        let (folder, name) = file.rsplit_once('/').unwrap_or_default();
        let kustomization = fs::read_to_string(package.file(folder).join("kustomization.yaml")).unwrap_or_default();
        !kustomization.contains(name)
    });
    let wrong: Vec<_> = wrong.map(|file| format!("{file}: expected its kustomization.yaml to name it")).collect();

    panics_with(&wrong);
}

/// `kubectl apply` keeps a copy of each object in an annotation, and annotations have 256 KiB at most.
#[test]
fn every_object_fits_into_the_annotation_of_apply() {
    let sizes = everything().into_iter().flat_map(|rendered| {
        let objects = rendered.objects.into_iter();
        objects.map(|mut object| (object.id(), object.value_mut().to_string().len())).collect::<Vec<_>>()
    });
    let large = sizes.filter(|(_, size)| *size > 240 * 1024);
    let large: Vec<_> = large.map(|(id, size)| format!("{id}: expected 240 KiB or less; found {size} bytes")).collect();

    panics_with(&large);
}

/// A field that Kustomize is about to drop, or that names the namespace beside the overlay.
#[test]
fn no_kustomization_uses_what_is_deprecated() {
    let deprecated = ["commonLabels", "bases", "patchesStrategicMerge", "patchesJson6902", "vars", "imageTags"];

    let folders = package().folders().unwrap();
    let used = folders.iter().flat_map(|folder| {
        let used = deprecated.iter().filter(|field| !folder.kustomization[**field].is_null());
        used.map(|field| format!("{}: {field}: expected nothing deprecated", folder.path))
    });

    panics_with(&used.collect::<Vec<_>>());
}
