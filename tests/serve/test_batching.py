"""Requests that are predicted together get what they would get alone, in order; none is lost."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.serve.batching import Batcher, Job, column_types, groups_of, predict_jobs
from medley.serve.loaded import Loaded, Predicted
from medley.serve.refusal import Refusal
from medley.serve.rows import Options
from medley.serve.settings import Batching

CELLS = {
    "age": st.none() | st.integers(-5, 40) | st.floats(-50, 50) | st.sampled_from(["7.5", "many", ""]),
    "kind": st.none() | st.sampled_from(["cat", "horse", ""]) | st.integers(0, 2) | st.booleans() | st.floats(0, 3),
    "born": st.none() | st.sampled_from(["2020-05-01", "soon"]),
    "note": st.none() | st.text(max_size=8) | st.integers(-(2**70), 2**70),
    "vaccinated": st.none() | st.booleans() | st.sampled_from(["yes", "perhaps"]) | st.integers(0, 1),
    "photo": st.none(),
}
REQUEST = st.tuples(
    st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=3),
    st.builds(Options, probabilities=st.booleans(), on_unreadable=st.sampled_from(["raise", "warn"])),
)


@pytest.fixture(scope="module")
def loaded(pets_model):
    return Loaded("pets", pets_model, "torch", "1")


def content_of(result):
    if isinstance(result, Refusal):
        return result.content()
    numbers = [round(answer["price"]["prediction"], 2) for answer in result.answers]
    classes = [(answer["breed"]["prediction"], round(answer["breed"]["probability"], 4)) for answer in result.answers]
    return numbers, classes, list(result.warnings)


@settings(max_examples=25)
@given(requests=st.lists(REQUEST, min_size=2, max_size=5))
def test_answers_do_not_depend_on_other_requests(loaded, requests):
    async def jobs():
        loop = asyncio.get_running_loop()
        return [Job(loaded, rows, options, loop.create_future()) for rows, options in requests]

    together = predict_jobs(asyncio.run(jobs()))
    alone = [loaded.predict_all([request])[0] for request in requests]
    assert [content_of(result) for result in together] == [content_of(result) for result in alone]


def test_rows_of_other_types_are_another_table(loaded):
    rows = [[{"age": 3}], [{"age": None}], [{"age": "3"}], [{"age": 2.5}], [{"age": 2**60}], [{"age": 2**60}]]
    jobs = [Job(loaded, request, Options(), None) for request in rows]  # type: ignore[arg-type]
    assert groups_of(jobs) == [[0, 1, 3], [2], [4], [5]]
    assert column_types([{"age": 1, "kind": "a"}, {"age": "1", "kind": None}]) == {"age": "mixed", "kind": "str"}


class Slow:
    """Answers with the rows themselves, when it is allowed to."""

    name = "slow"

    def __init__(self):
        self.may_answer = threading.Event()
        self.batches = []

    def predict_all(self, requests):
        self.may_answer.wait(10)
        self.batches.append([len(rows) for rows, _ in requests])
        return [Predicted([], [{"row": row} for row in rows]) for rows, _ in requests]


def row(number):
    return {"number": number}


def test_requests_are_answered_in_order_and_none_is_lost():
    slow = Slow()

    async def clients():
        batcher = Batcher(Batching(rows=8, milliseconds=0))
        finished = []

        async def client(number):
            predicted = await batcher.submit(slow, [row(number)], Options(), 10)
            finished.append(predicted.answers[0]["row"]["number"])

        tasks = [asyncio.create_task(client(number)) for number in range(64)]
        await asyncio.sleep(0.05)
        slow.may_answer.set()
        await asyncio.gather(*tasks)
        await batcher.close()
        return finished

    assert asyncio.run(clients()) == list(range(64))
    assert max(len(batch) for batch in slow.batches) == 8


def test_a_batch_waits_for_requests_that_are_arriving_and_for_nothing_else():
    slow = Slow()
    slow.may_answer.set()

    async def clients():
        batcher = Batcher(Batching(rows=8, milliseconds=2_000))
        start = time.monotonic()
        await batcher.submit(slow, [row(0)], Options(), 10)
        alone = time.monotonic() - start
        with batcher.arriving():
            first = asyncio.create_task(batcher.submit(slow, [row(1)], Options(), 10))
            await asyncio.sleep(0.01)
            assert not first.done()
            second = asyncio.create_task(batcher.submit(slow, [row(2)], Options(), 10))
            await asyncio.sleep(0.01)
        await asyncio.gather(first, second)
        await batcher.close()
        return alone

    assert asyncio.run(clients()) < 1
    assert slow.batches == [[1], [1, 1]]


def test_a_full_queue_and_a_slow_answer_are_refused():
    slow = Slow()

    async def clients():
        batcher = Batcher(Batching(rows=1, milliseconds=0, queue=2))
        tasks = [asyncio.create_task(batcher.submit(slow, [row(0)], Options(), 10))]
        await asyncio.sleep(0.02)
        tasks += [asyncio.create_task(batcher.submit(slow, [row(0)], Options(), 10)) for _ in range(2)]
        await asyncio.sleep(0.02)
        assert batcher.waiting_rows == 2
        with pytest.raises(Refusal, match="2 rows are waiting") as full:
            await batcher.submit(slow, [row(0)], Options(), 10)
        slow.may_answer.set()
        await asyncio.gather(*tasks)
        slow.may_answer.clear()
        with pytest.raises(Refusal, match=r"no result after 0\.05 seconds") as late:
            await batcher.submit(slow, [row(0)], Options(), 0.05)
        slow.may_answer.set()
        await batcher.close()
        return full.value, late.value

    full, late = asyncio.run(clients())
    assert (full.status, late.status) == (503, 504)
    assert full.retry_after >= 1


def test_an_application_may_be_run_again():
    slow = Slow()
    slow.may_answer.set()
    batcher = Batcher(Batching())
    for number in range(3):
        predicted = asyncio.run(batcher.submit(slow, [row(number)], Options(), 10))  # and the loop ends at once
        assert predicted.answers == [{"row": row(number)}]


def test_a_defect_reaches_only_the_request_that_meets_it(caplog):
    class Broken(Slow):
        def predict_all(self, requests):
            self.may_answer.wait(10)
            if row(13) in [row for rows, _ in requests for row in rows]:
                raise RuntimeError("a defect")
            return super().predict_all(requests)

    async def clients():
        batcher = Batcher(Batching())
        broken = Broken()
        tasks = [asyncio.create_task(batcher.submit(broken, [row(number)], Options(), 10)) for number in (1, 2, 13, 3)]
        await asyncio.sleep(0.02)
        broken.may_answer.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.close()
        return results

    first, second, failed, third = asyncio.run(clients())
    assert [result.answers for result in (first, second, third)] == [[{"row": row(number)}] for number in (1, 2, 3)]
    assert failed.status == 500
    assert "a defect" in caplog.text
