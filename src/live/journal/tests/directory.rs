//! The real disk: a directory, its lock, and what servers that were killed leave in it.

use super::*;

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("layerlab-journal-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn files(&self) -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(&self.0).unwrap().map(Result::unwrap);
        let named = entries.map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len()));
        let mut files: Vec<_> = named.filter(|(name, _)| name != "lock").collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn begin(folder: &Folder) -> (Engine, Journal, Report) {
    let disk = Directory::open(&folder.0).unwrap();
    let found = recover(&disk, Limits::default()).unwrap();
    let settings = Settings { segment: 1 << 16, ..Settings::default() };
    let journal = Journal::open(Box::new(disk), settings, found.files, &found.engine).unwrap();
    (found.engine, journal, found.report)
}

#[test]
fn the_second_server_of_a_directory_is_refused() {
    let folder = Folder::new("two");
    let (_, journal, _) = begin(&folder);
    let refused = Directory::open(&folder.0).unwrap_err();
    assert!(matches!(refused, Unusable::InUse(_)));
    assert!(
        refused
            .to_string()
            .ends_with("is in use by another server: stop that one, or choose another directory")
    );
    drop(journal);
    Directory::open(&folder.0).expect("free again");
}

#[test]
fn a_server_that_is_killed_again_and_again_leaves_no_empty_files_and_no_room() {
    let folder = Folder::new("often");
    for round in 0..5_u64 {
        let (mut engine, mut journal, report) = begin(&folder);
        assert_eq!((report.torn, report.damaged.len()), (None, 0));
        if round == 0 {
            engine.declare("jobs", engine::Settings::default(), &mut |change| journal.tell(change)).unwrap();
        }
        // One server does nothing at all.
        if round != 2 {
            let jobs = engine.queue("jobs").unwrap();
            let message = Message { id: Default::default(), body: vec![7; 100].into() };
            engine.publish(Time::ZERO, jobs, message, &mut |change| journal.tell(change)).unwrap();
            assert!(journal.commit(Instant::now(), &engine));
        }
        // Nobody closes it.
    }
    let (engine, journal, _) = begin(&folder);
    assert_eq!(engine.held().0, 4);
    drop(journal);
    let files = folder.files();
    assert_eq!(files.len(), 5, "{files:?}");
    assert!(files[..4].iter().all(|(_, len)| *len < 1000), "{files:?}");
}

#[test]
fn what_is_not_ours_is_left_alone_and_what_is_not_whole_is_removed() {
    let folder = Folder::new("foreign");
    std::fs::create_dir_all(&folder.0).unwrap();
    for name in ["notes.txt", "1-2.journal", "0000000001-0000000000000002.journal.new"] {
        std::fs::write(folder.0.join(name), "x").unwrap();
    }
    let (_, journal, report) = begin(&folder);
    assert_eq!(report, Report::default());
    drop(journal);
    let names: Vec<String> = folder.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"notes.txt".to_owned()) && names.contains(&"1-2.journal".to_owned()));
}
