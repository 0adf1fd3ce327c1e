"""Looks into buckets with the vendors' own libraries.

Each line of stdin is a request in JSON: the bucket as `place`, the operation as `do`, and its arguments.
Each line of stdout is an answer: `ok` with the result, `status` of a refusal (0 if no whole answer came), or
`error`.
"""

import base64
import json
import sys


class S3:
    def __init__(self, place):
        import boto3
        from botocore import exceptions
        from botocore.config import Config

        self.broken = (exceptions.HTTPClientError, exceptions.IncompleteReadError)
        self.bucket = place["bucket"]
        config = Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=place["endpoint"],
            aws_access_key_id=place["id"],
            aws_secret_access_key=place["secret"],
            region_name="us-east-1",
            config=config,
        )

    def make(self, locked):
        self.client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=locked)

    def drop(self):
        self.client.delete_bucket(Bucket=self.bucket)

    def list(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [(o["Key"], o["Size"]) for page in pages for o in page.get("Contents", [])]

    def get(self, key):
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return base64.b64encode(body).decode()

    def put(self, key, body, **more):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=base64.b64decode(body), **more)

    def create(self, key, body):
        self.put(key, body, IfNoneMatch="*")

    def delete(self, key, **more):
        self.client.delete_object(Bucket=self.bucket, Key=key, **more)

    def begin(self, key, body):
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        body = base64.b64decode(body)
        self.client.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=1, Body=body)

    def uploads(self):
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket)
        return [(u["Key"], u["UploadId"]) for page in pages for u in page.get("Uploads", [])]

    def versions(self, key):
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        return [v["VersionId"] for page in pages for v in page.get("Versions", []) if v["Key"] == key]


class Azure:
    def __init__(self, place):
        from azure.core import exceptions
        from azure.storage.blob import ContainerClient

        self.broken = (exceptions.ServiceRequestError, exceptions.ServiceResponseError)
        self.container = ContainerClient(
            place["endpoint"], place["bucket"], credential=place["secret"], retry_total=0
        )

    def make(self, locked):
        self.container.create_container()

    def list(self, prefix):
        return [(blob.name, blob.size) for blob in self.container.list_blobs(name_starts_with=prefix)]

    def get(self, key):
        return base64.b64encode(self.container.download_blob(key).readall()).decode()

    def put(self, key, body):
        self.container.upload_blob(key, base64.b64decode(body), overwrite=True)

    def create(self, key, body):
        self.container.upload_blob(key, base64.b64decode(body))

    def delete(self, key):
        self.container.delete_blob(key)

    def begin(self, key, body):
        self.container.get_blob_client(key).stage_block("AAAA", base64.b64decode(body))

    def uploads(self):
        complete = {key for key, _ in self.list(None)}
        blobs = self.container.list_blobs(include=["uncommittedblobs"])
        return [(blob.name, "") for blob in blobs if blob.name not in complete]


def status(error):
    """Returns the HTTP status of an error of boto3 or of azure-core."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return response["ResponseMetadata"]["HTTPStatusCode"]
    return getattr(error, "status_code", None)


clients = {}
for line in sys.stdin:
    request = json.loads(line)
    place = request.pop("place")
    name = json.dumps(place)
    if name not in clients:
        clients[name] = (S3 if place["kind"] == "s3" else Azure)(place)
    client = clients[name]
    try:
        operation = getattr(client, request.pop("do"))
        answer = {"ok": operation(**request)}
    except client.broken:
        answer = {"status": 0}
    except Exception as error:
        code = status(error)
        answer = {"status": code} if code else {"error": repr(error)}
    print(json.dumps(answer))
