//! [`Package`]: the folders of manifests, and what Kustomize makes of them.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::process::{self, Command};

use serde_json::Value;

use crate::{Rendered, tools};

/// What variants are laid over.
const BASE: &str = "overlays/production";

/// YAML that Prometheus, promtool and Alertmanager read.
const FOR_PROGRAMS: [&str; 4] = [
    "monitoring/alertmanager/alertmanager.yaml",
    "monitoring/prometheus/prometheus.yaml",
    "monitoring/prometheus/rules/",
    "monitoring/prometheus/tests/",
];

/// The folders of manifests, and what Kustomize makes of them.
///
/// What was rendered is kept in a folder, under a name made of `kubectl` and of every file of the package: tests run in
/// processes of their own, and each of them wants the same.
#[derive(Clone, Debug)]
pub struct Package {
    root: PathBuf,
    rendered: PathBuf,
    variants: PathBuf,
}

/// A folder with a `kustomization.yaml`.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Its path in the package, as `overlays/dev`.
    pub path: String,
    /// What its `kustomization.yaml` says.
    pub kustomization: Value,
}

/// Something that can be applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// What messages call it, as `overlays/production + security/quota`.
    pub name: String,
    /// What Kustomize makes of it, or what it says.
    pub yaml: Result<String, String>,
}

impl Applied {
    /// Its objects.
    ///
    /// # Errors
    ///
    /// When Kustomize could not make them.
    pub fn rendered(&self) -> Result<Rendered, String> {
        Rendered::parse(&self.name, self.yaml.as_ref().map_err(Clone::clone)?)
    }
}

impl Folder {
    /// Whether it changes what others hold, and is nothing alone.
    pub fn is_component(&self) -> bool {
        self.kustomization["kind"] == "Component"
    }

    /// Whether it is meant for `kubectl apply -k`: it says the namespace.
    pub fn is_applied(&self) -> bool {
        self.kustomization["namespace"].is_string()
    }
}

impl Package {
    /// The package of this repository; what is rendered is kept below `scratch`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or `scratch` not be made.
    pub fn open(scratch: &Path) -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
        let mut hasher = DefaultHasher::new();
        let kubectl = tools::kubectl()?;
        let program = fs::metadata(&kubectl).map_err(|error| format!("{}: {error}", kubectl.display()))?;
        (&kubectl, program.len(), program.modified().ok()).hash(&mut hasher);
        for file in files(&root)? {
            let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            (file, bytes).hash(&mut hasher);
        }
        let kept = scratch.join(format!("k8s-{:016x}", hasher.finish()));
        forget_others(scratch, &kept);
        let (rendered, variants) = (kept.join("rendered"), kept.join("variants"));
        for folder in [&rendered, &variants] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(Self { root, rendered, variants })
    }

    /// A file of the package.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Every file of the package, by its path in it.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>, String> {
        Ok(files(&self.root)?.iter().map(|file| self.relative(file)).collect())
    }

    /// Every manifest, by its path: the YAML of the folders that is not Kustomize's, and not for the programs of monitoring.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn manifests(&self) -> Result<Vec<String>, String> {
        let is_manifest = |file: &String| {
            let path = Path::new(file);
            let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
            let is_for_a_program = FOR_PROGRAMS.iter().any(|others| file.starts_with(others));
            is_yaml && file.contains('/') && !path.ends_with("kustomization.yaml") && !is_for_a_program
        };
        Ok(self.files()?.into_iter().filter(is_manifest).collect())
    }

    /// Every folder with a `kustomization.yaml`.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn folders(&self) -> Result<Vec<Folder>, String> {
        let files = files(&self.root)?;
        let kustomizations = files.iter().filter(|file| file.ends_with("kustomization.yaml"));
        let folder = |file: &PathBuf| {
            let path = self.relative(file.parent().unwrap_or(&self.root));
            let text = fs::read_to_string(file).map_err(|error| format!("{path}: {error}"))?;
            let kustomization = yaml_serde::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
            Ok(Folder { path, kustomization })
        };
        kustomizations.map(folder).collect()
    }

    /// What `kubectl kustomize` makes of a folder.
    ///
    /// # Errors
    ///
    /// With what `kubectl` says.
    pub fn render(&self, path: &str) -> Result<Rendered, String> {
        Rendered::parse(path, &self.yaml(path, &self.file(path))?)
    }

    /// Everything that can be applied: the overlays and strategies, and production with each variant.
    ///
    /// # Errors
    ///
    /// When the folders cannot be read.
    pub fn applied(&self) -> Result<Vec<Applied>, String> {
        let folders = self.folders()?;
        let plain = folders.iter().filter(|folder| folder.is_applied() && !folder.is_component());
        let plain = plain.map(|folder| (folder.path.clone(), Ok(self.file(&folder.path))));
        let variants = variants(&folders).into_iter();
        let variants = variants.map(|variant| (format!("{BASE} + {variant}"), self.variant(variant)));
        let moved = (format!("{BASE} in another namespace"), self.moved());
        let applied = plain.chain(variants).chain([moved]).map(|(name, folder)| {
            let yaml = folder.and_then(|folder| self.yaml(&name, &folder));
            Applied { name, yaml }
        });
        Ok(applied.collect())
    }

    /// A folder that lays a component over production.
    fn variant(&self, component: &str) -> Result<PathBuf, String> {
        let folder = self.variants.join(component.replace('/', "-"));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let way = way_between(&folder, &self.root)?;
        let namespace = self.folders()?.into_iter().find(|folder| folder.path == BASE);
        let namespace = namespace.map_or(Value::Null, |base| base.kustomization["namespace"].clone());
        let text = format!("namespace: {namespace}\nresources: [{way}/{BASE}]\ncomponents: [{way}/{component}]\n");
        keep(&folder.join("kustomization.yaml"), &text)?;
        Ok(folder)
    }

    /// A folder that puts production into another namespace.
    fn moved(&self) -> Result<PathBuf, String> {
        let folder = self.variants.join("moved");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let way = way_between(&folder, &self.root)?;
        keep(&folder.join("kustomization.yaml"), &format!("namespace: elsewhere\nresources: [{way}/{BASE}]\n"))?;
        Ok(folder)
    }

    fn yaml(&self, name: &str, folder: &Path) -> Result<String, String> {
        let kept = self.rendered.join(name.replace(['/', ' '], "-")).with_extension("yaml");
        if let Ok(text) = fs::read_to_string(&kept) {
            return Ok(text);
        }
        let text = kustomize(name, folder)?;
        keep(&kept, &text)?;
        Ok(text)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// The components that production does not have already.
fn variants(folders: &[Folder]) -> Vec<&str> {
    let base = folders.iter().find(|folder| folder.path == BASE);
    let included = base.and_then(|folder| folder.kustomization["components"].as_array()).into_iter().flatten();
    let included: Vec<_> = included.filter_map(Value::as_str).map(|path| resolved(BASE, path)).collect();
    let others = folders.iter().filter(|folder| folder.is_component() && !included.contains(&folder.path));
    others.map(|folder| folder.path.as_str()).collect()
}

fn kustomize(name: &str, folder: &Path) -> Result<String, String> {
    let output = Command::new(tools::kubectl()?).arg("kustomize").arg(folder).output();
    let output = output.map_err(|error| format!("{name}: kubectl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("deprecated") {
        return Err(format!("{name}: kubectl kustomize: {}", said.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

/// Removes what was kept of other states of the package.
fn forget_others(scratch: &Path, kept: &Path) {
    let entries = fs::read_dir(scratch).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_old = |path: &PathBuf| {
        path != kept && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("k8s-"))
    };
    for old in entries.filter(is_old) {
        // Another process may be removing it, too.
        let _ = fs::remove_dir_all(old);
    }
}

/// Writes a file that others may be reading.
fn keep(file: &Path, text: &str) -> Result<(), String> {
    let partial = file.with_extension(format!("partial-{}", process::id()));
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, file));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

/// Every file below a folder, sorted, without the code of this crate.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let is_code = |path: &Path| folder == Path::new(env!("CARGO_MANIFEST_DIR")) && has_code(path);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() && !is_code(&path) {
            found.extend(files(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn has_code(path: &Path) -> bool {
    path.ends_with("src") || path.ends_with("tests")
}

/// Where a path leads that is written in a file of a folder.
fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The relative path from one folder to another; Kustomize takes no absolute ones.
fn way_between(from: &Path, to: &Path) -> Result<String, String> {
    let canonical = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
    let (from, to) = (canonical(from)?, canonical(to)?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    Ok(way.display().to_string())
}
