# A gRPC server and its clients, with the library that Debian has; messages are bytes, so that no compiler is needed.
#
#   calls.py serve HOST PORT    methods of all four kinds, failures, and the health service
#   calls.py talk TARGET        a client that uses all of them, and says "well" at the end
#   calls.py gone TARGET        a client whose server is not there: says the status
import concurrent.futures
import sys
import threading
import time

import grpc

SIZES = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]


def unary(request, context):
    sent = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-early", sent.get("x-word", "")), ("x-early-bin", sent.get("x-word-bin", b""))))
    context.set_trailing_metadata((("x-late", "done"),))
    return request[::-1]


def remaining(request, context):
    return str(context.time_remaining()).encode()


def collect(requests, context):
    return b",".join(requests)


def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def echo(requests, context):
    for request in requests:
        yield request


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "not here: ä%")


def slow(request, context):
    time.sleep(5)
    return b""


def break_off(request, context):
    yield b"begun"
    context.abort(grpc.StatusCode.DATA_LOSS, "lost")


def handlers():
    kinds = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "BreakOff": grpc.unary_stream_rpc_method_handler(break_off),
    }
    # HealthCheckResponse { status: SERVING }
    health = {"Check": grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")}
    return (
        grpc.method_handlers_generic_handler("test.Service", kinds),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", health),
    )


def serve(host, port):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), options=SIZES)
    server.add_generic_rpc_handlers(handlers())
    assert server.add_insecure_port("%s:%s" % (host, port)), "the port is taken"
    server.start()
    server.wait_for_termination()


def status(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def talk(target):
    with grpc.insecure_channel(target, options=SIZES) as channel:
        name = "/test.Service/"
        one = channel.unary_unary(name + "Unary")
        answer, call = one.with_call(b"abc", metadata=(("x-word", "early bird"), ("x-word-bin", b"\x00\xff")), timeout=10)
        early, late = dict(call.initial_metadata()), dict(call.trailing_metadata())
        assert answer == b"cba", answer
        assert (early["x-early"], early["x-early-bin"]) == ("early bird", b"\x00\xff"), early
        assert late["x-late"] == "done", late

        large = bytes(range(256)) * (4 << 12)
        assert one(large, timeout=30) == large[::-1], "a message of 4 MiB changed"

        pieces = [str(number).encode() for number in range(100)]
        assert channel.stream_unary(name + "Collect")(iter(pieces), timeout=10) == b",".join(pieces)
        assert list(channel.unary_stream(name + "Count")(b"1000", timeout=10)) == [b"%d" % n for n in range(1000)]

        # Each waits for the other: nothing may be held back on the way.
        heard = threading.Semaphore(0)

        def asking():
            for piece in pieces:
                yield piece
                heard.acquire()

        answers = channel.stream_stream(name + "Echo")(asking(), timeout=20)
        for piece, answer in zip(pieces, answers):
            assert piece == answer, answer
            heard.release()
        assert next(answers, None) is None
        # And large ones, as fast as they go.
        many = [large[: 1 << 20]] * 16
        assert list(channel.stream_stream(name + "Echo")(iter(many), timeout=30)) == many

        left = float(channel.unary_unary(name + "Remaining")(b"", timeout=9))
        assert 5 < left < 10, left
        assert status(lambda: channel.unary_unary(name + "Fail")(b"", timeout=10)) == (grpc.StatusCode.NOT_FOUND, "not here: ä%")
        assert status(lambda: channel.unary_unary(name + "Slow")(b"", timeout=0.3))[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        assert status(lambda: channel.unary_unary(name + "None")(b"", timeout=10))[0] == grpc.StatusCode.UNIMPLEMENTED
        broken = channel.unary_stream(name + "BreakOff")(b"", timeout=10)
        assert next(broken) == b"begun"
        assert status(lambda: next(broken)) == (grpc.StatusCode.DATA_LOSS, "lost")

        calls = [one.future(b"%d" % number, timeout=30) for number in range(200)]
        assert [call.result() for call in calls] == [(b"%d" % number)[::-1] for number in range(200)]
    print("well")


def gone(target):
    with grpc.insecure_channel(target) as channel:
        code, details = status(lambda: channel.unary_unary("/test.Service/Unary")(b"", timeout=10))
        print(code.name, details)


{"serve": serve, "talk": talk, "gone": gone}[sys.argv[1]](*sys.argv[2:])
