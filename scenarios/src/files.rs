//! Files that are whole or not there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Told apart what one process writes at the same time.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// What is being written, for whoever has to end the process meanwhile.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Links that are followed to what they stand for.
const LINKS_MAX: u32 = 16;

/// Writes beside `path` and renames, so that nobody ever reads half a file. A link
/// stays, and what it leads to is replaced. Devices and pipes are written to as they
/// are.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_by(path, |out| out.write_all(content))
}

/// The same with a content that is made while it is written.
pub fn write_by(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let mut out = BufWriter::new(File::options().write(true).open(path)?);
        fill(&mut out)?;
        return out.flush();
    }
    let path = follow(path)?;
    let Some(name) = path.file_name() else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{number}.new", process::id()));
    let beside = path.with_file_name(beside);
    let made = {
        // In one step with what `abandon_and_exit` looks at.
        let mut unfinished = unfinished();
        unfinished.insert(beside.clone());
        File::create_new(&beside)
    };
    let written = made.and_then(|file| {
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    unfinished().remove(&beside);
    written
}

/// Removes what is half written, and ends the process: nothing is begun meanwhile.
pub fn abandon_and_exit(code: u8) -> ! {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        // It has been renamed just now, or could not be made.
        let _ = fs::remove_file(path);
    }
    process::exit(code.into())
}

fn unfinished() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().expect("nobody panics in here")
}

/// What a path leads to through links; that need not exist.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else {
            return Ok(path);
        };
        path = match path.parent() {
            Some(parent) => parent.join(target),
            None => target,
        };
    }
    Err(io::Error::other(
        "it is a link that leads to too many others",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("stormglass-files-{name}-{}", process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = folder("whole");
        let path = folder.join("a.txt");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(write(&folder.join("no/such"), b"").is_err());
        assert!(write(&folder, b"").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = folder("link");
        let (real, link, far) = (folder.join("real"), folder.join("link"), folder.join("far"));
        symlink("real", &link).unwrap();
        symlink("link", &far).unwrap();
        for content in [b"made", b"anew"] {
            write(&far, content).unwrap();
            assert_eq!(fs::read(&real).unwrap(), content);
            assert!(fs::symlink_metadata(&real).unwrap().is_file());
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("real"));
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        let round = folder.join("round");
        symlink("round", &round).unwrap();
        assert!(write(&round, b"").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
