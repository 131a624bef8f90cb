//! Tables that name and label the pictures beside them, as Kaggle and Hugging Face ship them.

use std::fs;
use std::path::Path;

use mlp_data::arrays::listed_files;
use mlp_data::picture::LabeledFiles;

/// A directory with tables, whose content is after the name, and pictures, which are not read.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

fn find(path: &Path, column: Option<&str>) -> Result<Option<LabeledFiles>, String> {
    listed_files(path, column).map_err(|error| error.to_string())
}

/// What is found in a directory, or by a table in it, without the path of the directory.
fn found(files: &[(&str, &str)], of: &str, column: Option<&str>) -> Result<LabeledFiles, String> {
    let directory = directory(files);
    let shown = format!("{}/", directory.path().display());
    let found = find(&directory.path().join(of), column).map_err(|error| error.replace(&shown, ""))?;
    let mut found = found.ok_or("none")?;
    for text in &mut found.notes {
        *text = text.replace(&shown, "");
    }
    for files in
        [Some(&mut found.train), found.validation.as_mut(), found.test.as_mut()].into_iter().flatten()
    {
        files
            .iter_mut()
            .for_each(|(path, _)| *path = path.strip_prefix(directory.path()).unwrap().to_owned());
    }
    Ok(found)
}

/// `file=class` of each picture.
fn shown(found: &LabeledFiles, files: &[(std::path::PathBuf, u8)]) -> String {
    let one = |(path, label): &(std::path::PathBuf, u8)| {
        format!("{}={}", path.display(), found.class_names[usize::from(*label)])
    };
    files.iter().map(one).collect::<Vec<_>>().join(" ")
}

const PICTURES: [(&str, &str); 3] = [("images/1.png", ""), ("images/2.png", ""), ("images/sub/3.JPG", "")];

fn with(table: &str) -> Vec<(&str, &str)> {
    [("labels.csv", table)].into_iter().chain(PICTURES).collect()
}

#[test]
fn a_table_labels_the_pictures_below_it_whatever_its_columns_are_called() {
    let expected = "images/2.png=cat images/1.png=dog images/sub/3.JPG=dog";
    for table in [
        "filename,label\n1.png,dog\n2.png,cat\n3.jpg,dog\n",
        "\u{feff}file_name;class\r\nimages/1.png;dog\r\nimages/2.png;cat\r\nimages/sub/3.JPG;dog\r\n",
        "label,path\ndog,\"/kaggle/input/x/images/1.png\"\ncat,..\\images\\2.png\ndog,./images/sub/3.jpg\n",
        // Without endings, and without the usual names of labels.
        "id,breed\n1,dog\n2,cat\n3,dog\n",
        "id,image_id,target\n9,1,dog\n8,images/2,cat\n7,sub/3,dog\n",
        "Width,Height,ClassLabel,Path\n9,9,dog,1.png\n9,9,cat,2.png\n9,9,dog,3.JPG\n",
        // Without a header.
        "1.png,dog\n2.png,cat\n3.jpg,dog\n",
        "dog\timages/1.png\ncat\timages/2.png\n\ndog\timages/sub/3.jpg",
    ] {
        for of in ["", "labels.csv"] {
            let found = found(&with(table), of, None).unwrap_or_else(|error| panic!("{table}: {error}"));
            assert_eq!(shown(&found, &found.train), expected, "{table}");
            assert_eq!(
                (&found.validation, &found.test, &*found.notes[0]),
                (&None, &None, "labels from labels.csv")
            );
            assert!(found.left_out.is_empty(), "{}", found.left_out);
        }
    }
    let numbers = found(&with("image,y,kind\n1.png,10,a\n2.png,2.0,b\n3.jpg,2,c\n"), "", None).unwrap();
    assert_eq!(numbers.class_names, ["2", "10"]);
    let chosen =
        found(&with("image,y,kind\n1.png,10,a\n2.png,2.0,b\n3.jpg,2,c\n"), "", Some("kind")).unwrap();
    assert_eq!(chosen.class_names, ["a", "b", "c"]);
}

#[test]
fn parts_are_tables_columns_or_directories() {
    let (train, test) = ("train/1.png=a train/2.png=b", "test/1.png=b");
    let pictures = [("train/1.png", ""), ("train/2.png", ""), ("test/1.png", ""), ("test/9.png", "")];
    for tables in [
        // The same names in both parts.
        &[
            ("train.csv", "id,label\n1,a\n2,b\n"),
            ("test.csv", "id,label\n1,b\n"),
            ("sample_submission.csv", "id,label\n1,a"),
        ][..],
        &[
            ("train/metadata.csv", "file_name,label\n1.png,a\n2.png,b"),
            ("test/metadata.csv", "file_name,label\n1.png,b"),
        ],
        &[(
            "all.csv",
            "filepaths,labels,Data\u{20}Set\ntrain/1.png,a,train\ntrain/2.png,b,TRAIN\ntest/1.png,b,test\n",
        )],
        // Other tables beside those of the parts.
        &[
            ("Train.csv", "ClassId,Path\na,train/1.png\nb,train/2.png"),
            ("Test.csv", "ClassId,Path\nb,test/1.png"),
            ("Meta.csv", "ClassId,Path\na,test/9.png"),
        ],
        &[("metadata.csv", "file_name,label\ntrain/1.png,a\ntrain/2.png,b\ntest/1.png,b\n")],
    ] {
        let files = [tables, &pictures].concat();
        let found = found(&files, "", None).unwrap_or_else(|error| panic!("{tables:?}: {error}"));
        assert_eq!(shown(&found, &found.train), train, "{tables:?}");
        assert_eq!(shown(&found, found.test.as_ref().unwrap()), test, "{tables:?}");
        let unlisted = "not in a table: 1 picture, left out, the first is test/9.png";
        assert!(found.notes.iter().any(|note| note == unlisted), "{:?}", found.notes);
    }
    // As in an archive, and a test part without labels.
    let files = [("top/train.csv", "id,label\n1,a\n2,b\n"), ("top/test.csv", "id\n1\n")];
    let pictures = pictures.map(|(name, _)| format!("top/{name}"));
    let files: Vec<_> = files.into_iter().chain(pictures.iter().map(|name| (&**name, ""))).collect();
    let found = found(&files, "", None).unwrap();
    assert_eq!((shown(&found, &found.train).replace("top/", "").as_str(), &found.test), (train, &None));
    assert!(
        found.notes.contains(&"left out: top/test.csv, which has no labels".to_owned()),
        "{:?}",
        found.notes
    );
}

#[test]
fn what_does_not_match_is_counted() {
    let table = "file,label\n1.png,a\nnone.png,a\n1.png,a\n4.png,b\n3.jpg,b\n";
    let found = found(&with(table), "labels.csv", None).unwrap();
    assert_eq!(shown(&found, &found.train), "images/1.png=a images/sub/3.JPG=b");
    assert_eq!(
        found.notes[1..],
        [
            "labels.csv: 2 of 5 rows without a picture, left out, the first is none.png in line 3",
            "labels.csv: 1 of 5 rows that repeat another, the first is labels.csv, line 4",
            "not in a table: 1 picture, left out, the first is images/2.png",
        ]
    );
}

#[test]
fn an_unclear_table_is_refused() {
    for (table, said) in [
        ("file,label\n1.png,a\n2.png,\n", "labels.csv, line 3: the label is missing"),
        ("file,label\n1.png,a\n,b\n", "labels.csv, line 3: the name of the picture is missing"),
        ("file,label\n1.png,a\n2.png\n", "labels.csv, line 3: 1 columns; expected 2"),
        (
            "file,label\n1.png,a\n2.png,b\n1.png,b\n",
            "line 4: 1.png is of class b, but a in labels.csv, line 2",
        ),
        ("file,label\nx.png,a\ny.png,b\n", "labels.csv: the pictures of 2 rows are not in "),
        ("file,label,class\n1.png,a,b\n", "column `label` and column `class` both have the name of a label"),
        ("file,x,y,z\n1.png,1,,0\n2.png,0,0,1\n", "labels.csv, line 2: the label is missing"),
        (
            "file,x,w,z\n1.png,1,1,0\n",
            "labels.csv: column `file` names pictures, and no other column is known",
        ),
        (
            "file,label,split\n1.png,a,train\n2.png,b,val\n3.jpg,b,x\n",
            "line 4: column `split` is `x`; expected train,",
        ),
        ("file,label,split\n2.png,b,val\n", "no picture is in the training part"),
        ("file,label\n1.png,0.5\n2.png,1\n", "labels.csv: a label is 0.5; expected classes"),
    ] {
        let error = found(&with(table), "labels.csv", None).map(|found| found.notes).unwrap_err();
        assert!(error.contains(said) && !error.contains('\n'), "{table}: {error}");
    }
    let latin = directory(&with("file,label\n1.png,x\n"));
    fs::write(latin.path().join("labels.csv"), b"file,label\n1.png,b\xe4r\n2.png,b\xf6r\n").unwrap();
    let error = find(latin.path(), None).unwrap_err();
    assert!(error.contains("line 2: column `label`: text that is not UTF-8; save the table"), "{error}");
    // A name of several pictures.
    let files = [("a/1.png", ""), ("b/1.png", ""), ("labels.csv", "file,label\n1.png,x\n")];
    let error = found(&files, "", None).unwrap_err();
    assert!(error.contains("line 2: 1.png may be a/1.png or b/1.png; expected paths"), "{error}");
    let files = [("x.csv", "file,label\n1.png,x\n"), ("y.csv", "file,label\n1.png,y\n"), ("1.png", "")];
    assert!(found(&files, "", None).unwrap_err().contains("several datasets (x.csv, y.csv)"));
    let files = [("labels.csv", "file,label\n1.png,x\n"), ("images.zip", "")];
    let error = found(&files, "", None).unwrap_err();
    assert!(error.contains("unpack the archives beside it (1 .csv, 1 .zip)"), "{error}");
}

#[test]
fn other_tables_and_directories_are_none() {
    let classes = [("cat/1.png", ""), ("dog/1.png", "")];
    for table in [
        "label,p0,p1,p2,p3\n1,0,0,0,0\n",
        // Captions of some kind, of pictures that have classes.
        "file_name,text,kind\ncat/1.png,a cat,x\ndog/1.png,a dog,y\n",
        // The same classes by number.
        "file,label\ncat/1.png,1\ndog/1.png,0\n",
        "id,label\n7,1\n8,0\n",
        "",
    ] {
        let files = [&[("table.csv", table)], &classes[..]].concat();
        assert_eq!(found(&files, "", None), Err("none".to_owned()), "{table}");
    }
    assert_eq!(found(&classes, "", None), Err("none".to_owned()));
    // Directories that are not classes.
    assert_eq!(found(&with("file,label\n1.png,a\n2.png,a\n"), "", None).unwrap().class_names, ["a"]);
    let table = "file,label\ncat/1.png,a\ncat/2.png,b\ndog/1.png,b\n";
    let files = [&[("t.csv", table), ("cat/2.png", "")], &classes[..]].concat();
    assert_eq!(found(&files, "", None).unwrap().class_names, ["a", "b"]);
    assert_eq!(found(&classes, "cat/1.png", None), Err("none".to_owned()));
    assert_eq!(found(&classes, "owl", None), Err("none".to_owned()));
}
