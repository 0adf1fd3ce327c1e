"""A producer and a consumer by librdkafka, the witness of the tests. Each command prints one line of JSON."""

import hashlib
import json
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic
from confluent_kafka.admin import ResourcePatternType, ResourceType

COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"]
START = 1_757_160_000_000
STEP = 10


def settings(config, **more):
    return {**config, **more}


def create(config, topic, partitions):
    admin = AdminClient(config)
    for future in admin.create_topics([NewTopic(topic, int(partitions))]).values():
        future.result(30)
    return {"topic": topic}


def record(number, size):
    """Returns one of many different records, the same for each number."""
    key = [None, b"", b"key-%d" % (number % 97), bytes([number % 256, 0, 255])][number % 4]
    value = hashlib.sha256(b"%d" % number).digest() * (1 + (number * size) // 7 % (size // 32 + 1))
    value = [value[: number % size + 1], None, b"", value][number % 16 if number % 16 < 3 else 3]
    headers = [
        [],
        [("same", b"1"), ("same", b"2"), ("same", b"1")],
        [("null", None), ("empty", b""), ("binary", bytes(range(32)))],
        [("x", b"%d" % number)],
        [("schlüssel", "größe".encode())],
    ][number % 5]
    # Some records are late, as those of a slow producer.
    timestamp = START + number * STEP - (5000 if number % 7 == 0 else 0)
    return key, value, headers, timestamp


def produce(config, topic, partitions, records, size, transactions):
    """Produces records round robin, in five compressions; with transactions each third one is aborted."""
    create(config, topic, partitions)
    partitions, records, size = int(partitions), int(records), int(size)
    producers = [
        Producer(settings(config, **{"compression.type": name, "linger.ms": 20, "queue.buffering.max.messages": 500000}))
        for name in COMPRESSIONS
    ]

    def send(producer, number):
        key, value, headers, timestamp = record(number, size)
        while True:
            try:
                producer.produce(topic, value, key, number % partitions, headers=headers, timestamp=timestamp)
                return
            except BufferError:
                producer.poll(0.1)

    plain = records if transactions == "no" else records * 3 // 4
    for number in range(plain):
        producer = producers[number // 500 % len(producers)]
        send(producer, number)
        if number % 1000 == 0:
            producer.poll(0)
    for producer in producers:
        assert producer.flush(120) == 0, "records are left"
    if plain < records:
        producer = Producer(settings(config, **{"transactional.id": topic, "compression.type": "lz4"}))
        producer.init_transactions(60)
        each = max(1, (records - plain) // 30)
        for turn, first in enumerate(range(plain, records, each)):
            producer.begin_transaction()
            for number in range(first, min(first + each, records)):
                send(producer, number)
            if turn % 3 == 2:
                producer.flush(60)
                producer.abort_transaction(60)
            else:
                producer.commit_transaction(60)
    return {"produced": records, "start": START, "step": STEP}


def more(config, topic, partitions, records, size):
    """Produces further records."""
    producer = Producer(config)
    for number in range(int(records)):
        key, value, headers, timestamp = record(number + 1_000_000, int(size))
        producer.produce(topic, value, key, number % int(partitions), headers=headers, timestamp=timestamp)
    assert producer.flush(60) == 0
    return {}


def read(config, topic, window=(None, None), want=None):
    """Returns by partition the digests of the committed records, one behind the other, and their offsets."""
    consumer = Consumer(
        settings(
            config,
            **{
                "group.id": "witness-reads",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": 4 << 20,
            },
        )
    )
    metadata = consumer.list_topics(topic, 30).topics[topic]
    partitions = sorted(metadata.partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    digests = {partition: bytearray() for partition in partitions}
    offsets = {partition: [] for partition in partitions}
    open_ones = set(partitions)
    last = time.monotonic()
    while open_ones:
        # It waits until it has as many, or for this time.
        messages = consumer.consume(5000, 0.2)
        last = time.monotonic() if messages else last
        assert time.monotonic() - last < 60, f"{topic} does not end: {open_ones}"
        for message in messages:
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                open_ones.discard(message.partition())
                continue
            kind, timestamp = message.timestamp()
            if window[0] is not None and timestamp < window[0] or window[1] is not None and timestamp > window[1]:
                continue
            content = repr((message.key(), message.value(), message.headers() or [], timestamp, kind))
            digests[message.partition()] += hashlib.blake2b(content.encode(), digest_size=16).digest()
            if want is not None:
                offsets[message.partition()].append(message.offset())
    consumer.close()
    return digests, offsets


def window(text):
    start, _, end = text.partition("-")
    return (int(start) if start else None, int(end) if end else None)


def compare(config, source, target, of="-"):
    """Compares the records of two topics, partition by partition and in order."""
    left, _ = read(config, source, window(of))
    right, _ = read(config, target)
    same = different = 0
    for partition in sorted(set(left) | set(right)):
        a, b = left.get(partition, b""), right.get(partition, b"")
        for at in range(0, max(len(a), len(b)), 16):
            if a[at : at + 16] == b[at : at + 16]:
                same += 1
            else:
                different += 1
    return {"same": same, "different": different}


def mixed(config, source, target):
    """Compares the records of two topics regardless of partitions and order."""
    def all_of(topic):
        digests, _ = read(config, topic)
        counts = [len(part) // 16 for part in digests.values()]
        return sorted(bytes(part[at : at + 16]) for part in digests.values() for at in range(0, len(part), 16)), counts

    (left, _), (right, counts) = all_of(source), all_of(target)
    return {"same": len(left) if left == right else 0, "counts": counts}


def count(config, topic):
    digests, _ = read(config, topic)
    return {"records": sum(len(part) // 16 for part in digests.values())}


def dump(config, topic, path):
    """Writes the keys and values of a topic into a file, and does nothing else."""
    consumer = Consumer(
        settings(config, **{"group.id": "witness-dumps", "enable.auto.commit": False, "enable.partition.eof": True})
    )
    partitions = set(consumer.list_topics(topic, 30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    with open(path, "wb") as file:
        while partitions:
            for message in consumer.consume(10000, 0.1):
                if message.error():
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    partitions.discard(message.partition())
                else:
                    file.write(message.key() or b"")
                    file.write(message.value() or b"")
    consumer.close()
    return {}


def topics(config):
    return {"topics": sorted(AdminClient(config).list_topics(timeout=30).topics)}


def commit(config, group, topic, *offsets):
    consumer = Consumer(settings(config, **{"group.id": group, "enable.auto.commit": False}))
    wanted = [pair.split(":") for pair in offsets]
    wanted = [TopicPartition(topic, int(partition), int(offset)) for partition, offset in wanted]
    for it in consumer.commit(offsets=wanted, asynchronous=False):
        assert it.error is None, it.error
    consumer.close()
    return {}


def commit_all(config, topic, offsets, groups):
    """Commits the same offsets for many groups."""
    for group in groups.split(","):
        commit(config, group, topic, *offsets.split(","))
    return {}


def committed_all(config, topic, groups, partitions):
    """Returns the offsets of many groups, one group behind the other."""
    return {"offsets": [offset for group in groups.split(",") for offset in committed(config, group, topic, partitions)["offsets"]]}


def committed(config, group, topic, partitions):
    consumer = Consumer(settings(config, **{"group.id": group, "enable.auto.commit": False}))
    wanted = [TopicPartition(topic, partition) for partition in range(int(partitions))]
    found = consumer.committed(wanted, 30)
    consumer.close()
    return {"offsets": [max(it.offset, -1) for it in found]}


def forget(config, group):
    """Deletes a group."""
    admin = AdminClient(config)
    for future in admin.delete_consumer_groups([group]).values():
        future.result(30)
    return {}


def ends(config, topic, partitions):
    consumer = Consumer(settings(config, **{"group.id": "witness-ends"}))
    found = [consumer.get_watermark_offsets(TopicPartition(topic, it), 30) for it in range(int(partitions))]
    consumer.close()
    return {"low": [low for low, _ in found], "high": [high for _, high in found]}


def at_time(config, topic, partitions, timestamp):
    consumer = Consumer(settings(config, **{"group.id": "witness-times"}))
    wanted = [TopicPartition(topic, it, int(timestamp)) for it in range(int(partitions))]
    found = consumer.offsets_for_times(wanted, 30)
    consumer.close()
    return {"offsets": [it.offset for it in found]}


def same_next(config, group, source, target, partitions):
    """Compares the records that a group reads next in two topics: all that are left, by partition."""
    left, left_offsets = read(config, source, want=True)
    right, right_offsets = read(config, target, want=True)
    old = committed(config, group, source, partitions)["offsets"]
    new = committed(config, group, target, partitions)["offsets"]
    differing = []
    for partition in range(int(partitions)):
        if old[partition] < 0:
            continue
        a = sum(1 for offset in left_offsets[partition] if offset < old[partition])
        b = sum(1 for offset in right_offsets[partition] if offset < new[partition])
        if new[partition] < 0 or left[partition][a * 16 :] != right[partition][b * 16 :]:
            differing.append([partition, old[partition], new[partition], a, b])
    return {"differing": differing, "new": new}


def join(config, group, topic, protocol):
    """Is a member of a group until stdin ends."""
    consumer = Consumer(
        settings(config, **{"group.id": group, "group.protocol": protocol, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    )
    consumer.subscribe([topic])
    while not consumer.assignment():
        consumer.poll(0.2)
    print(json.dumps({"joined": len(consumer.assignment())}), flush=True)
    import threading

    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    while not over.is_set():
        consumer.poll(0.2)
    consumer.close()
    return {"left": True}


def delete(config, topic, partition, before):
    """Deletes the records of a partition before an offset."""
    admin = AdminClient(config)
    for future in admin.delete_records([TopicPartition(topic, int(partition), int(before))]).values():
        future.result(30)
    return {}


def open_transaction(config, topic, records):
    """Keeps a transaction open until stdin ends, and commits it then."""
    producer = Producer(settings(config, **{"transactional.id": topic + "-open"}))
    producer.init_transactions(60)
    producer.begin_transaction()
    for number in range(int(records)):
        producer.produce(topic, b"%d" % number, partition=0)
    producer.flush(60)
    print(json.dumps({"joined": "a transaction"}), flush=True)
    sys.stdin.read()
    producer.commit_transaction(60)
    return {}


def allow(config, user, kind, name, operation):
    """Gives a user a permission."""
    acl = AclBinding(
        ResourceType[kind], name, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW
    )
    # Without a name it would end before its answer comes.
    admin = AdminClient(config)
    for future in admin.create_acls([acl]).values():
        future.result(30)
    return {}


def main():
    config, command, *arguments = sys.argv[1:]
    print(json.dumps(globals()[command](json.loads(config), *arguments)), flush=True)


main()
