//! The configuration as it is written: a file, and what was changed beside it while the gateway ran.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sekisho_admin::{InForce, Refusal};
use sekisho_config::{Config, Layer, Layered, Loaded, Place, Registry, Report, Unsaved};

/// Of the state directory, the file that keeps the runtime layer over a restart.
const KEPT: &str = "runtime.toml";
/// What becomes of one that cannot be used.
const REFUSED: &str = "runtime.toml.refused";

/// What a process begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) loaded: Loaded,
    pub(crate) written: InForce,
    /// Why the layer that the process before has left is not part of it.
    pub(crate) left_out: Option<Report>,
}

/// The file, and the layer that the process before has left.
///
/// A layer that does not fit the file any more is left out: a gateway that serves by its file is better than none.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn begin(file: &Path, registry: &Registry) -> Result<Begun, Report> {
    let text = sekisho_config::text(file)?;
    let (loaded, written) = load(file, text.clone(), Layer::default(), registry)?;
    let layered = kept(&loaded.config).map(|layer| load(file, text, layer?, registry));
    Ok(match layered {
        None => Begun { loaded, written, left_out: None },
        Some(Ok((loaded, written))) => Begun { loaded, written, left_out: None },
        Some(Err(report)) => {
            put_aside(&loaded.config);
            Begun { loaded, written, left_out: Some(report) }
        }
    })
}

/// Reads this text of the file with this layer over it.
///
/// # Errors
/// What is wrong with either.
pub(crate) fn load(
    file: &Path,
    text: String,
    layer: Layer,
    registry: &Registry,
) -> Result<(Loaded, InForce), Report> {
    let (origin, base) = (file.display().to_string(), file.parent().unwrap_or(Path::new("")));
    let now = SystemTime::now();
    let Layered { loaded, document } =
        sekisho_config::check_layered(&text, &layer, &origin, base, registry, now)?;
    let file = file.to_owned();
    Ok((loaded, InForce { file, text, layer, document, registry: registry.clone() }))
}

/// The layer with one more change.
///
/// # Errors
/// [`Refusal::NoSuchPlace`], or that there is no room.
pub(crate) fn changed(now: &InForce, place: Place, set: Option<toml::Value>) -> Result<Layer, Refusal> {
    let mut layer = now.layer.clone();
    if layer.is_full() {
        return Err(Refusal::Failed("the runtime layer is full; save it first".to_owned()));
    }
    match set {
        Some(value) => {
            if let Place::Server { pool, .. } = &place
                && !stands(now, &["pool", pool])
            {
                return Err(Refusal::NoSuchPlace(Place::Pool(pool.clone())));
            }
            layer.set(place, value);
        }
        None if stands(now, &place.keys()) => layer.remove(place),
        None => return Err(Refusal::NoSuchPlace(place)),
    }
    Ok(layer)
}

fn stands(now: &InForce, keys: &[&str]) -> bool {
    use sekisho_api::settings::Value;

    let Some((first, rest)) = keys.split_first() else { return false };
    let found =
        rest.iter().try_fold(now.document.get(first), |node, key| match node.map(|node| &node.value) {
            Some(Value::Table(table)) => Some(table.get(key)),
            _ => None,
        });
    found.flatten().is_some()
}

/// The text of the file with the layer written into it.
///
/// # Errors
/// Why there is none.
pub(crate) fn merged(now: &InForce) -> Result<String, Refusal> {
    let text = sekisho_config::text(&now.file).map_err(Refusal::Wrong)?;
    now.layer.save(&text).map_err(|error: Unsaved| Refusal::Failed(error.to_string()))
}

/// Replaces a file whole or not at all; whoever may read it stays the same.
///
/// # Errors
/// The system's.
pub(crate) fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link is kept: what it leads to is replaced.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut beside = file.clone().into_os_string();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        if let Ok(before) = fs::metadata(&file) {
            new.set_permissions(before.permissions())?;
        }
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, &file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Keeps the layer for the next process, where there is a state directory.
pub(crate) fn keep(config: &Config, layer: &Layer) {
    let Some(path) = path(config, KEPT) else { return };
    let kept = match layer.is_empty() {
        true => match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
        false => replace(&path, &layer.text()),
    };
    if let Err(error) = kept {
        tracing::error!(path = %path.display(), %error, "The runtime layer will not survive a restart");
    }
}

/// The layer that the process before has left.
fn kept(config: &Config) -> Option<Result<Layer, Report>> {
    let path = path(config, KEPT).filter(|path| path.exists())?;
    Some(sekisho_config::text(&path).and_then(|text| Layer::read(&text)))
}

/// So that nothing is lost, and the next start does not stumble again.
fn put_aside(config: &Config) {
    if let Some((kept, refused)) = path(config, KEPT).zip(path(config, REFUSED))
        && let Err(error) = fs::rename(&kept, &refused)
    {
        tracing::error!(path = %kept.display(), %error, "The runtime layer cannot be put aside");
    }
}

fn path(config: &Config, name: &str) -> Option<PathBuf> {
    config.gateway.state_directory.as_ref().map(|directory| directory.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[gateway]\nstate-directory = 'state'\n\
                        [vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'web' # ours\n\
                        [pool.web]\nservers = { a = '10.0.0.1:80' }\n";

    struct Site(PathBuf);

    impl Site {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("sekisho-written-{name}-{}", std::process::id()));
            fs::create_dir_all(folder.join("state")).unwrap();
            fs::write(folder.join("gateway.toml"), FILE).unwrap();
            Self(folder)
        }

        fn begin(&self) -> (Loaded, InForce) {
            let begun = begin(&self.0.join("gateway.toml"), &crate::builtin());
            let Begun { loaded, written, .. } = begun.unwrap_or_else(|report| panic!("{report}"));
            (loaded, written)
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn server(name: &str) -> Place {
        Place::Server { pool: "web".into(), server: name.into() }
    }

    #[test]
    fn layer_survives_a_restart_and_goes_when_it_is_saved() {
        let site = Site::new("restart");
        let (loaded, now) = site.begin();
        let layer = changed(&now, server("b"), Some("10.0.0.2:80".into())).unwrap();
        keep(&loaded.config, &layer);
        let (loaded, now) = site.begin();
        assert_eq!((loaded.config.pools[0].spec.servers.len(), now.layer.len()), (2, 1));
        let text = merged(&now).unwrap();
        assert!(text.contains("# ours") && text.contains("10.0.0.2:80"), "{text}");
        replace(&now.file, &text).unwrap();
        keep(&loaded.config, &Layer::default());
        let (loaded, now) = site.begin();
        assert_eq!((loaded.config.pools[0].spec.servers.len(), now.layer.len()), (2, 0));
    }

    #[test]
    fn layer_that_does_not_fit_any_more_is_left_out_and_put_aside() {
        let site = Site::new("refused");
        let (loaded, now) = site.begin();
        let layer = changed(&now, Place::Vip("web".into()), Some(toml::Table::new().into())).unwrap();
        keep(&loaded.config, &layer);
        let (loaded, now) = site.begin();
        assert!(now.layer.is_empty() && loaded.config.vips.len() == 1);
        assert!(site.0.join("state").join(REFUSED).exists());
        assert!(!site.0.join("state").join(KEPT).exists());
    }

    #[test]
    fn what_is_not_there_is_neither_removed_nor_added_to() {
        let site = Site::new("missing");
        let (_, now) = site.begin();
        assert!(changed(&now, server("a"), None).is_ok());
        assert_eq!(changed(&now, server("z"), None), Err(Refusal::NoSuchPlace(server("z"))));
        let elsewhere = Place::Server { pool: "other".into(), server: "a".into() };
        let refused = changed(&now, elsewhere, Some("10.0.0.1:80".into()));
        assert_eq!(refused, Err(Refusal::NoSuchPlace(Place::Pool("other".into()))));
    }
}
