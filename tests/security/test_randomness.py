import os
import threading

from integrator.security.randomness import random_bytes


def test_bytes_are_never_handed_out_twice():
    seen = [random_bytes(12) for _ in range(20_000)]
    assert len(set(seen)) == len(seen)
    assert {len(item) for item in seen} == {12}
    assert len(random_bytes(100_000)) == 100_000


def test_threads_and_forked_children_draw_their_own():
    random_bytes(1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(random_bytes(32))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, random_bytes(32))
        os._exit(0)
    os.waitpid(child, 0)
    found += [os.read(reader, 32), random_bytes(32)]
    assert len(set(found)) == len(found)
