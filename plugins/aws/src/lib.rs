//! An engine for applications in AWS. A backup is a snapshot of an RDS database, copies of the documents in an S3
//! bucket, and a manifest. Documents in Google Cloud Storage are backed up as well, without a database.
//!
//! All that is known about a backup is in its folder of the destination bucket. So each call may be the first one of
//! a new process. The record of the run, its journals and the manifest say how far the work is.

mod bucket;
mod copying;
mod create;
mod delete;
mod entry;
mod finish;
mod glob;
mod id;
mod journal;
mod json;
mod list;
mod manifest;
mod options;
mod rds;
mod record;
mod restore;
mod status;
mod stream;
mod text;
mod verbs;
mod verify;
mod xml;

use broker_engine::{
    Act, ActRequest, Backup, Check, Create, CreateRequest, Delete, DeleteRequest, Detect,
    Detection, Field, Finish, FinishRequest, List, ListRequest, Page, Preparation, Prepare,
    PrepareRequest, Report, Restoration, Restore, RestoreRequest, Result, Status, StatusRequest,
    Verify, VerifyRequest, engine,
};

/// The engine.
pub struct Aws;

engine!(Aws, "engine.toml");

impl Detect for Aws {
    /// Asks RDS for instances. The buckets are not known here.
    fn detect() -> Result<Detection> {
        rds::look()?;
        Ok(Detection::of("Amazon RDS and S3"))
    }
}

impl List for Aws {
    fn list(request: ListRequest) -> Result<Page> {
        list::list(&request)
    }
}

impl Status for Aws {
    fn status(request: StatusRequest) -> Result<Backup> {
        status::status(&request.id)
    }
}

impl Prepare for Aws {
    fn prepare(request: PrepareRequest) -> Result<Preparation> {
        create::prepare(&request)
    }
}

impl Create for Aws {
    fn create(request: CreateRequest) -> Result<Backup> {
        create::create(&request)
    }
}

impl Finish for Aws {
    fn finish(request: FinishRequest) -> Result<Vec<Field>> {
        finish::finish(&request.id)
    }
}

impl Verify for Aws {
    fn verify(request: VerifyRequest) -> Result<Vec<Check>> {
        verify::verify(&request)
    }
}

impl Restore for Aws {
    fn restore(request: RestoreRequest) -> Result<Restoration> {
        restore::restore(&request)
    }
}

impl Delete for Aws {
    fn delete(request: DeleteRequest) -> Result<Vec<String>> {
        delete::delete(&request)
    }
}

impl Act for Aws {
    fn act(request: ActRequest) -> Result<Report> {
        verbs::act(&request)
    }
}

#[cfg(test)]
mod tests;
