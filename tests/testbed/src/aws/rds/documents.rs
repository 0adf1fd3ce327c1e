//! Databases and snapshots as RDS writes them.

use jiff::Timestamp;

use super::model::{Database, Kind, Snapshot};
use crate::aws::xml::Xml;

/// A time as RDS writes it, with milliseconds.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(super) fn tags(xml: &mut Xml, tags: &[(String, String)]) {
    xml.element("TagList", |xml| {
        for (key, value) in tags {
            xml.element("Tag", |xml| {
                xml.text("Key", key);
                xml.text("Value", value);
            });
        }
    });
}

impl Database {
    pub(super) fn element(&self, xml: &mut Xml) {
        xml.element(self.kind.noun(), |xml| self.members(xml));
    }

    fn members(&self, xml: &mut Xml) {
        let engine = &self.engine;
        xml.text("Engine", &engine.name);
        xml.text("EngineVersion", &engine.version);
        xml.text("MasterUsername", &engine.master_username);
        xml.text("AllocatedStorage", engine.allocated_storage);
        let host = format!("{}.{}.rds.amazonaws.com", self.id, self.region);
        match self.kind {
            Kind::Instance => {
                xml.text("DBInstanceIdentifier", &self.id);
                xml.text("DBInstanceStatus", &self.status);
                xml.text("DBInstanceClass", &self.class);
                xml.text("DBInstanceArn", self.arn());
                xml.optional("InstanceCreateTime", self.created.map(time));
                xml.optional("DBClusterIdentifier", self.cluster.as_ref());
                // A database that is being created has no address.
                if self.status != "creating" {
                    xml.element("Endpoint", |xml| {
                        xml.text("Address", host);
                        xml.text("Port", engine.port);
                    });
                }
            }
            Kind::Cluster => {
                xml.text("DBClusterIdentifier", &self.id);
                xml.text("Status", &self.status);
                xml.text("DBClusterArn", self.arn());
                xml.optional("ClusterCreateTime", self.created.map(time));
                xml.text("Endpoint", host);
                xml.text("Port", engine.port);
            }
        }
        tags(xml, &self.tags);
    }
}

impl Snapshot {
    pub(super) fn element(&self, xml: &mut Xml) {
        xml.element(self.kind.snapshot(), |xml| self.members(xml));
    }

    fn members(&self, xml: &mut Xml) {
        let engine = &self.engine;
        let (snapshot, source) = (self.kind.snapshot(), self.kind.noun());
        xml.text(&format!("{snapshot}Identifier"), &self.id);
        xml.text(&format!("{source}Identifier"), &self.source);
        xml.text(&format!("{snapshot}Arn"), self.arn());
        xml.text("Engine", &engine.name);
        xml.text("EngineVersion", &engine.version);
        xml.text("MasterUsername", &engine.master_username);
        xml.text("AllocatedStorage", engine.allocated_storage);
        xml.text("Port", engine.port);
        xml.text("Status", &self.status);
        xml.text("PercentProgress", self.percent);
        xml.text("SnapshotType", &self.snapshot_type);
        xml.optional("SnapshotCreateTime", self.created.map(time));
        let size = engine.full_snapshot_size;
        let size = size.filter(|_| self.status == "available");
        xml.optional("FullSnapshotSizeInBytes", size);
        tags(xml, &self.tags);
    }
}
