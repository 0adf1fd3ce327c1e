use super::*;

#[test]
fn a_status_url_is_followed_on_this_server_in_each_of_its_forms() {
    for (url, expected) in [
        ("/backup/jobs/7", "/backup/jobs/7"),
        ("jobs/7", "/backup/jobs/7"),
        ("./status/7", "/backup/status/7"),
        ("../api/jobs/123e4567", "/api/jobs/123e4567"),
        ("/backup/./export/a.b~c_d-e", "/backup/export/a.b~c_d-e"),
        ("http://localhost:8000/backup/jobs/7", "/backup/jobs/7"),
        ("https://localhost/backup/jobs/7", "/backup/jobs/7"),
        ("//localhost:8000/backup/jobs/7", "/backup/jobs/7"),
    ] {
        let path = path(url).expect(url);
        assert_eq!(path, expected, "{url}");
        assert_eq!(Job::at(&path).expect(url).path, expected);
    }
}

#[test]
fn a_status_url_of_another_server_is_refused() {
    for url in [
        "http://evil.example/backup/jobs/7",
        "//evil.example/backup/jobs/7",
        "https://localhost.evil.example/backup/jobs/7",
        "http://localhost@evil.example/backup/jobs/7",
        "http://localhost:8000@evil.example/backup/jobs/7",
        "http://localhost:/backup/jobs/7",
        "http://169.254.169.254/backup/jobs/7",
        "ftp://backup/jobs/7",
    ] {
        let error = path(url).expect_err(url);
        assert_eq!(error.kind, ErrorKind::Protocol, "{url}");
        assert!(error.message.contains("another server"), "{url}");
    }
}

#[test]
fn a_status_url_that_is_more_than_a_path_is_refused() {
    for url in [
        "/backup/jobs/7?next=http://evil.example",
        "/backup/jobs/7#a",
        "/backup/jobs/%2e%2e",
        "/backup\\jobs\\7",
        "/backup/jobs/7\r\nX: y",
    ] {
        assert!(path(url).is_err(), "{url}");
    }
}

#[test]
fn only_paths_of_the_manifests_routes_name_a_job() {
    for path in [
        "/",
        "/backup/capabilities",
        "/backup/jobs",
        "/backup/jobs/",
        "/backup/jobs/7/log",
        "/backup/jobs/..",
        "/backup/jobs/a b",
        "/admin/7",
        "7",
    ] {
        assert_eq!(Job::at(path), None, "{path}");
        let error = Job::named(path).expect_err(path);
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}

#[test]
fn the_manifest_allows_what_a_status_url_may_lead_to() {
    let manifest = broker_engine::mock::Host::new(crate::MANIFEST);
    for (prefix, _) in ROUTES {
        let id = format!("{prefix}7");
        let job = Job::named(&id).expect("a job");
        let route = |method: &str| format!("{method} {}", job.route);
        let host = manifest
            .clone()
            .answer(&route("HEAD"), broker_engine::mock::Reply::text(202, ""));
        let backup = host.run(|| job.state()).expect("a state");
        assert_eq!((backup.id, backup.state), (id.clone(), State::Running));
    }
}
