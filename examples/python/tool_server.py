"""A tool in Python that other agents call: standard library alone, over the socket of the sidecar.
With a node that was started by agentmesh up --sidecar: agentmesh run --agent NAME --sandbox process -- python3 tool_server.py
or by itself, with AGENTMESH_SIDECAR=<data folder>/sidecar.sock and AGENTMESH_TOKEN=$(agentmesh sidecar token NAME)."""
import http.client, json, os, socket, sys

ADD = {
    "name": "add", "description": "Adds two numbers", "version": "1",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
    "outputSchema": {"type": "number"},
    "annotations": {"readOnlyHint": True, "openWorldHint": False},
}

class Sidecar(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["AGENTMESH_SIDECAR"])

def ask(method, path, body=None):
    connection = Sidecar("localhost")
    connection.request(method, path, None if body is None else json.dumps(body),
                       {"Authorization": "Bearer " + os.environ["AGENTMESH_TOKEN"], "Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 200 and response.getheader("content-type") == "text/event-stream":
        return response
    answer = json.load(response)
    if response.status != 200:
        raise RuntimeError(f"{answer['code']}: {answer['detail']}")
    return answer

def answer(call):
    try:
        value = call["input"]["a"] + call["input"]["b"]  # The work itself.
        ask("POST", "/v1/tools/results", {"call_id": call["call_id"], "status": "done", "value": value})
        print(f"{call['input']} is {value}", flush=True)
    except RuntimeError as refused:  # Nobody waits any more, or the value does not fit the schema.
        print(refused, flush=True)

if not {"AGENTMESH_SIDECAR", "AGENTMESH_TOKEN"} <= os.environ.keys():
    sys.exit(__doc__)
try:
    tool = ask("POST", "/v1/tools", {"descriptor": ADD})
    calls = ask("GET", "/v1/tools/serve?digests=" + tool["digest"])
except RuntimeError as refused:
    sys.exit(str(refused))
event = ""
for line in calls:  # The tool is served for as long as this stream is open; it ends with the agent.
    name, _, value = line.decode().rstrip("\n").partition(": ")
    if name == "event":
        event = value
        if event == "serving":
            print("serving add", flush=True)
    elif name == "data" and event == "call":
        answer(json.loads(value))
