"""Several who write at once: generations of the lock, preconditions, threads."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.server.conftest import Running, Start


def test_an_older_generation_of_the_lock_is_answered_412(start: Start) -> None:
    running = start()
    running.register("first/1.0", provenance={"generation": 7})
    running.store("second/1.0")
    for generation, status in ((6, 412), (7, 201), (8, 200), (7, 412)):
        body = running.body("second/1.0", provenance={"generation": generation})
        assert running.call("PUT", "model/second/1.0", json=body).status_code == status
    for provenance, status in (({"generation": 7}, 412), ({"commit": "by hand"}, 200)):
        assert running.call("PATCH", "model/first/1.0", json={"provenance": provenance}).status_code == status


def test_preconditions_of_a_put_are_kept(endpoint: Running) -> None:
    endpoint.store("condition/1.0")
    body = endpoint.body("condition/1.0")
    for condition, status in (("If-Match", 412), ("If-None-Match", 201), ("If-None-Match", 412), ("If-Match", 200)):
        answer = endpoint.call("PUT", "model/condition/1.0", json=body, headers={condition: "*"})
        assert answer.status_code == status


def test_two_at_once_are_one_created_and_one_the_same(endpoint: Running) -> None:
    models = [f"race-{n}/1.0" for n in range(10)]
    for model in models:
        endpoint.store(model)

    def put(model: str) -> int:
        return endpoint.call("PUT", f"model/{model}", json=endpoint.body(model)).status_code

    with ThreadPoolExecutor(8) as pool:
        for model in models:
            assert Counter(pool.map(put, [model] * 8)) == {201: 1, 200: 7}


def test_two_at_once_with_other_content_are_one_created_and_one_conflict(endpoint: Running) -> None:
    endpoint.store("rivals/1.0")

    def put(params: int) -> int:
        body = endpoint.body("rivals/1.0", model_metainfo__num_params=params)
        return endpoint.call("PUT", "model/rivals/1.0", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(put, range(1, 9))) == {201: 1, 409: 7}
