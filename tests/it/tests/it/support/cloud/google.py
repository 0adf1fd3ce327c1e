"""Uses Google Cloud Storage with Google's own client, and fails if something is not as the client expects it."""

import io
import sys

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth.exceptions import RefreshError
from google.cloud import storage
from google.oauth2.credentials import Credentials

url, token = sys.argv[1:]


def connect(token):
    options = {"api_endpoint": url}
    return storage.Client(
        project="tests", credentials=Credentials(token), client_options=options
    )


def fails(kind, work):
    try:
        work()
    except kind:
        return
    raise AssertionError(f"it is no {kind.__name__}")


client = connect(token)
bucket = client.bucket("documents")
for name in ["a b/\u00fc+&?#%.txt", "//x", "folder/"]:
    blob = bucket.blob(name)
    blob.upload_from_string(name, content_type="text/plain", if_generation_match=0)
    again = lambda: blob.upload_from_string("x", if_generation_match=0)
    fails(PreconditionFailed, again)
    assert bucket.blob(name).download_as_bytes() == name.encode()

# An upload in pieces, whose length is not known at its beginning.
data = bytes(at % 251 for at in range(3 * 256 * 1024 + 7))
blob = bucket.blob("long", chunk_size=256 * 1024)
blob.upload_from_file(io.BytesIO(data), if_generation_match=0)
assert blob.download_as_bytes() == data
assert blob.download_as_bytes(start=256 * 1024) == data[256 * 1024 :]

names = [it.name for it in client.list_blobs("documents", page_size=1)]
assert names == ["//x", "a b/\u00fc+&?#%.txt", "folder/", "long"], names
folders = client.list_blobs("documents", delimiter="/")
assert [it.name for it in folders] == ["long"]
assert folders.prefixes == {"/", "a b/", "folder/"}, folders.prefixes

source = bucket.get_blob("long")
copy = client.bucket("backups").blob("copy")
generation = {"if_source_generation_match": source.generation}
fails(
    PreconditionFailed, lambda: copy.rewrite(source, if_source_generation_match=1 << 40)
)
passed = None
calls = 0
while True:
    passed, done, total = copy.rewrite(source, token=passed, **generation)
    calls += 1
    if passed is None:
        break
assert calls > 1 and done == total == len(data), (calls, done, total)
copy.reload()
assert (copy.md5_hash, copy.size) == (source.md5_hash, source.size)

bucket.blob("long").delete(if_generation_match=source.generation)
fails(NotFound, bucket.blob("long").delete)
fails(NotFound, client.bucket("nowhere").blob("a").reload)
# The client wants another token for the status 401, and has nothing to get one with.
fails(RefreshError, connect("other").bucket("documents").blob("//x").reload)
print("as expected")
