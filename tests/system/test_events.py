"""examples/events over sockets: events come one by one, and a follower that leaves is noticed."""
import socket
import unittest

from system import Example, eventually, samples

HANDLER = (("method", "GET"), ("handler", "events.events"))


def sample(page, name, *more):
    return samples(page, name).get(HANDLER + more)


class Events(unittest.TestCase):
    def test_events_come_one_by_one_and_the_stream_ends(self):
        with Example("events") as events:
            connection = events.connect()
            connection.request("GET", "/events?every=20&count=3")
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
            self.assertEqual(response.getheader("Transfer-Encoding"), "chunked")
            first = response.read1()
            self.assertEqual(first, b"id: 1\ndata: tick\n\n")
            self.assertEqual(response.read(), b"id: 2\ndata: tick\n\nid: 3\ndata: tick\n\n")
            # The connection goes on, and the duration lasts until the last event.
            connection.request("GET", "/metrics")
            page = connection.getresponse().read().decode()
            self.assertEqual(sample(page, "http_requests_total", ("code", "200")), 1)
            self.assertGreaterEqual(sample(page, "http_request_duration_seconds_sum"), 0.04)
            self.assertEqual(sample(page, "http_requests_inprogress"), 0)
            connection.close()
            self.assertEqual(events.stop(), 0)

    def test_a_hundred_followers_hold_no_threads(self):
        with Example("events", "--threads", "2") as events:
            followers = [events.connect() for _ in range(100)]
            for follower in followers:
                follower.request("GET", "/events?every=50")
            responses = [follower.getresponse() for follower in followers]
            for response in responses:
                self.assertEqual(response.read1(), b"id: 1\ndata: tick\n\n")
            self.assertEqual(sample(events.page(), "http_requests_inprogress"), 100)
            for response in responses:
                response.close()
            for follower in followers:
                follower.close()
            eventually(
                lambda: sample(events.page(), "http_requests_inprogress") == 0, "in progress"
            )
            aborted = samples(events.page(), "http_requests_aborted_total")
            found = [value for labels, value in aborted.items() if ("phase", "response") in labels
                     and ("handler", "events.events") in labels]
            self.assertEqual(sum(found), 100)
            self.assertEqual(events.stop(), 0)

    def test_a_follower_that_closes_is_gone_at_once(self):
        with Example("events") as events:
            with socket.create_connection(("127.0.0.1", events.port), 20) as follower:
                follower.sendall(b"GET /events?every=3600000 HTTP/1.1\r\nHost: a\r\n\r\n")
                received = b""
                while b"data: tick\n\n" not in received:
                    received += follower.recv(4096)
                self.assertEqual(sample(events.page(), "http_requests_inprogress"), 1)
            # The client has read everything, so that its close is not a reset; the next event is an hour away.
            eventually(
                lambda: sample(events.page(), "http_requests_inprogress") == 0, "in progress"
            )
            aborted = samples(events.page(), "http_requests_aborted_total")
            found = [value for labels, value in aborted.items() if ("phase", "response") in labels
                     and ("handler", "events.events") in labels]
            self.assertEqual(sum(found), 1)
            self.assertEqual(events.stop(), 0)

    def test_a_stop_does_not_wait_for_followers(self):
        with Example("events") as events:
            connection = events.connect()
            connection.request("GET", "/events?every=3600000")
            response = connection.getresponse()
            response.read1()
            self.assertEqual(events.stop(), 0)
            connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
