"""Every Lua example of README.md runs as it stands there."""
import os
import re

import h2client
import perigee
import tap

README = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")


def examples():
    with open(README, encoding="utf-8") as file:
        return re.findall(r"^```lua\n(.*?)^```", file.read(), re.M | re.S)


@tap.test
def the_examples_are_those_that_are_tested():
    """README.md has two handlers and one program"""
    kinds = ["program" if "createServer" in text else "handler" for text in examples()]
    assert kinds == ["handler", "program", "handler"], kinds


@tap.test
def hello_as_a_handler():
    """the handler says hello to the path"""
    with perigee.Server(examples()[0]) as server:
        response = h2client.get(server.port, "/you")
        assert response.body == b"hello /you\n", response


@tap.test
def hello_as_a_program():
    """the program says hello, on another port than in the text"""
    text, count = re.subn(
        r"server:listen\(8000\)",
        'server:listen(0, function() print("listening on http://127.0.0.1:" .. server:address().port) end)',
        examples()[1],
    )
    assert count == 1, text
    with perigee.Server(text, form=1) as server:
        assert h2client.get(server.port).body == b"hello world\n"


@tap.test
def a_body_in_one_piece():
    """the sequential handler counts a body, and closes the stream when there is too much of it"""
    with perigee.Server(examples()[2]) as server, h2client.Client(server.port) as client:
        stream = client.request("/", "POST")
        client.send(stream, b"x" * 1000, end=True)
        assert client.response(stream).body == b"got 1000 bytes\n"
        stream = client.request("/", "POST")
        client.send(stream, b"x" * 40000)
        client.reset(stream)
        assert client.post("/", b"y" * 10).body == b"got 10 bytes\n"


tap.main()
