//! Sends the file of a restore, and reports the properties that the engine can see.

use broker_engine::http::{self, Part};
use broker_engine::{
    Activity, Artifact, Backup, Error, Field, Restoration, Restore, RestoreRequest, RestoreSource,
    Result, Settings, State,
};

use crate::Hostile;

impl Restore for Hostile {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        let how = request.text("misbehave").unwrap_or_default().to_owned();
        let RestoreSource::File(file) = request.source else {
            return Err(Error::unsupported("only from files"));
        };
        let mut backup = Backup::new(file.name(), State::Succeeded);
        backup.activity = Activity::Restore;
        backup.size = Some(file.length());
        let known = Field {
            name: "sha256".to_owned(),
            value: file.sha256(),
        };
        if !request.dry_run {
            send(&how, &file)?;
        }
        Ok(Restoration {
            backup,
            details: vec![known],
        })
    }
}

fn send(how: &str, file: &Artifact) -> Result<()> {
    let post = http::post("api", "/v1/restore");
    let upload = Part::file("upload", file);
    match how {
        "form" => {
            let parts = [
                Part::text("mode", "full\r\n--"),
                upload,
                Part::text("a\"; filename=\"b\r\nX-Evil: 1", "größe"),
                Part::file("again", file),
            ];
            post.send_form(&parts)?
        }
        "form-with-type" => post
            .header("Content-Type", "multipart/form-data; boundary=mine")
            .send_form(&[upload])?,
        "form-with-body" => post.json(&"{}")?.send_form(&[upload])?,
        "form-with-control" => post.send_form(&[Part::file("a\u{1b}", file)])?,
        "form-of-none" => post.send_form(&[])?,
        "form-of-long-text" => post.send_form(&[Part::text("a", &"x".repeat(1 << 20)), upload])?,
        "form-flood" => loop {
            let text = "x".repeat((1 << 20) - 1);
            let _ = http::post("api", "/v1/restore").send_form(&[Part::text("a", &text)]);
        },
        _ => post.send_file(file)?,
    };
    Ok(())
}
