"""Stands in for the scorer in tests of the local backend: it keeps the replica
contract and misbehaves on demand, by variables of the environment it is given."""
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

with open(sys.argv[sys.argv.index("--config") + 1], encoding="utf-8") as file:
    config = json.load(file)
wishes = config["environment_variables"]


def say(phase, message=None):
    new = config["state_file"] + ".new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump({"phase": phase, "message": message, "pid": os.getpid(), "address": None}, file)
    os.replace(new, config["state_file"])


def log(line):
    with open(config["log_file"], "a", encoding="utf-8") as file:
        file.write(line + "\n")


for notice in config["notices"]:
    log(notice)
log("argv %s env %s" % (sys.argv[1:2], sorted(os.environ)))
say("starting")
# A worker in the same group, and a process that its script started: neither may
# outlive the group.
subprocess.Popen(["sh", "-c", "sleep 600 & wait"])
if "DAEMONS" in wishes:
    # Two that left the group: one is still a child, one has lost its parent.
    with open(wishes["DAEMONS"], "a", encoding="utf-8") as file:
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        file.write("%d\n" % child.pid)
        file.flush()
        between = os.fork()
        if between == 0:
            os.setsid()
            file.write("%d\n" % subprocess.Popen(["sleep", "600"]).pid)
            file.flush()
            os._exit(0)
        os.waitpid(between, 0)
if "FAIL" in wishes:
    log("Traceback (most recent call last):")
    log(wishes["FAIL"])
    say("failed", wishes["FAIL"])
    sys.exit(3)

is_hung = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/hang":
            is_hung.set()
        elif is_hung.is_set():
            time.sleep(600)
        if self.path == "/slow":
            log("slow request")
            while not os.path.exists(os.path.join(os.path.dirname(config["log_file"]), "go")):
                time.sleep(0.01)
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"Healthy")

    def address_string(self):
        return "local"

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    block_on_close = True


server = Server(config["listen"]["unix"], Handler)


def end(*_):
    log("told to end")
    if "STUBBORN" not in wishes:
        threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, end)
say("ready")
log("ready")
server.serve_forever(0.02)
server.server_close()
log("ended well")
