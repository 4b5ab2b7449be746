"""An agent in Python, governed by the node of its host: standard library alone, over the socket of the sidecar.
With a node that was started by agentmesh up --sidecar: agentmesh run --agent NAME --sandbox process -- python3 agent.py
or by itself, with AGENTMESH_SIDECAR=<data folder>/sidecar.sock and AGENTMESH_TOKEN=$(agentmesh sidecar token NAME)."""
import http.client, json, os, socket, sys

class Sidecar(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["AGENTMESH_SIDECAR"])

def ask(method, path, body=None, needed=True):
    connection = Sidecar("localhost")
    connection.request(method, path, None if body is None else json.dumps(body),
                       {"Authorization": "Bearer " + os.environ["AGENTMESH_TOKEN"], "Content-Type": "application/json"})
    response = connection.getresponse()
    if path == "/v1/signals" and response.status == 200:
        return response
    answer = json.load(response)
    if needed and response.status != 200:
        sys.exit(f"{answer['code']}: {answer['detail']}")
    return answer

if not {"AGENTMESH_SIDECAR", "AGENTMESH_TOKEN"} <= os.environ.keys():
    sys.exit(__doc__)
me = ask("POST", "/v1/register", {"name": "agent.py", "framework": "none", "version": "1"})
print(f"I am {me['name']}, {me['state']}, under {[policy['name'] for policy in me['policies']]}", flush=True)
signals = ask("GET", "/v1/signals")

call = ask("POST", "/v1/decide", {"action": {"type": "read", "resource": "reports"}, "reserve": True})
print(f"read:reports is {call['state']}: {call['reason']}", flush=True)
if call["state"] == "open":  # The work itself would stand here.
    ask("POST", "/v1/record", {"call_id": call["call_id"], "status": "done", "result": {"rows": 3}, "usage": {"tokens": 12}})
print("erase:reports is", ask("POST", "/v1/decide", {"action": {"type": "erase", "resource": "reports"}})["effect"], flush=True)
answer = ask("POST", "/v1/tools/call", {"tool": "add", "input": {"a": 1, "b": 2}}, needed=False)
print("the tool says", answer.get("value", answer.get("detail")), flush=True)
ask("PUT", "/v1/memory?path=/mem/working/notes.md", {"content": "three rows"})
print("I remember", ask("GET", "/v1/memory?path=/mem/working/notes.md")["content"], flush=True)
for line in signals:  # The first event says how far the agent may act; the stream ends with the agent.
    if line.startswith(b"event: "):
        print("signal", line.decode().split()[1], flush=True)
