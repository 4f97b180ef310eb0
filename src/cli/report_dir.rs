//! The folder of `--report`: looked at before the run, written after it.

use super::exit::Usage;
use crate::report::GENERATOR;
use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A folder that can be written to and holds nothing of others under our names.
#[derive(Debug)]
pub(crate) struct ReportDir(PathBuf);

impl ReportDir {
    /// Makes the folder where it is not there. A report that layerlab wrote there before will be replaced.
    ///
    /// # Errors
    /// When it cannot be written to, or a file in it has one of `names` and no page of ours lies beside it.
    pub(crate) fn ready(path: &Path, names: &[&str]) -> anyhow::Result<ReportDir> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            return Err(Usage(format!("--report {shown} is a file: name a folder, or one to be made")).into());
        }
        fs::create_dir_all(path).with_context(|| format!("the folder {shown} of --report cannot be made"))?;
        // The only way to know whether a folder can be written to is to write.
        let trial = path.join(".layerlab-trial");
        let made = OpenOptions::new().write(true).create_new(true).open(&trial);
        match made {
            Ok(_) => fs::remove_file(&trial),
            // Another run is trying it just now.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .with_context(|| format!("the folder {shown} of --report cannot be written to"))?;
        let there = names.iter().find(|name| path.join(name).symlink_metadata().is_ok());
        if let Some(name) = there
            && !is_ours(path)
        {
            return Err(Usage(format!(
                "{} is there and not of layerlab's making: name another folder for --report",
                path.join(name).display()
            ))
            .into());
        }
        Ok(ReportDir(path.to_owned()))
    }

    /// Writes the files and gives the page's path. The page comes last: whoever finds it finds a whole report.
    pub(crate) fn write(&self, files: &[(&'static str, String)]) -> anyhow::Result<PathBuf> {
        for (name, text) in files.iter().rev() {
            let path = self.0.join(name);
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(self.0.join("index.html"))
    }
}

fn is_ours(folder: &Path) -> bool {
    let mut start = Vec::new();
    let page = fs::File::open(folder.join("index.html"));
    page.and_then(|page| page.take(1024).read_to_end(&mut start)).is_ok()
        && String::from_utf8_lossy(&start).contains(GENERATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("layerlab-report-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const NAMES: [&str; 2] = ["index.html", "rows.csv"];

    #[test]
    fn our_own_report_is_replaced_and_nobody_elses() {
        let scratch = Scratch::new("own");
        let folder = scratch.0.join("a/b");
        let report = ReportDir::ready(&folder, &NAMES).expect("it is made");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "the trial is gone");
        let page = crate::report::Page::default().to_html();
        report.write(&[("index.html", page), ("rows.csv", "a\n".to_owned())]).expect("written");
        ReportDir::ready(&folder, &NAMES).expect("our own");
        fs::write(folder.join("notes.txt"), "mine").expect("written");
        ReportDir::ready(&folder, &NAMES).expect("a file of another name does not matter");
        fs::write(folder.join("index.html"), "<p>mine</p>").expect("written");
        let refused = ReportDir::ready(&folder, &NAMES).expect_err("not ours");
        assert!(
            refused.is::<Usage>() && refused.to_string().contains("not of layerlab's making"),
            "{refused}"
        );
    }

    #[test]
    fn a_file_in_its_place_is_wrong_usage() {
        let scratch = Scratch::new("file");
        fs::write(&scratch.0, "").expect("written");
        let refused = ReportDir::ready(&scratch.0, &NAMES).expect_err("a file");
        let _ = fs::remove_file(&scratch.0);
        assert!(refused.is::<Usage>(), "{refused}");
    }
}
