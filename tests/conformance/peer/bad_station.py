"""A station that breaks the schemas, to see that peer.py objects: bad_station.py PORT.

It sends a call that its schema refuses, and answers the central system's first call with a payload that its schema refuses.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def main():
    url = f"ws://127.0.0.1:{sys.argv[1]}/BAD"
    async with connect(url, subprotocols=["ocpp1.6"]) as link:
        await link.send('[2,"1","BootNotification",{"chargePointVendor":"nobody"}]')
        while True:
            frame = json.loads(await link.recv())
            if frame[0] == 2:
                await link.send(json.dumps([3, frame[1], {"status": "Perhaps"}]))


asyncio.run(main())
