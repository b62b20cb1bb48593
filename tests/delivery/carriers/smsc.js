// A message centre on loopback: takes every text, reports it delivered, writes what it saw.
const smpp = require('smpp');
const refusals = { '12025550150': smpp.ESME_RINVDSTADR, '12025550151': smpp.ESME_RTHROTTLED,
  '12025550152': smpp.ESME_RSYSERR, '12025550153': smpp.ESME_RINVSRCADR };
const server = smpp.createServer((session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const status = pdu.password === 'hush' ? smpp.ESME_ROK : smpp.ESME_RBINDFAIL;
    session.send(pdu.response({ command_status: status }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    const text = pdu.short_message.message || (pdu.message_payload || {}).message || '';
    console.log(JSON.stringify({ to: pdu.destination_addr, from: pdu.source_addr, text,
      coding: pdu.data_coding, receipt: pdu.registered_delivery, validity: pdu.validity_period }));
    if (pdu.destination_addr === '12025550154') return;
    const refused = refusals[pdu.destination_addr];
    session.send(pdu.response(refused ? { command_status: refused } : { message_id: 'm-1' }));
    if (!refused) {
      session.deliver_sm({ source_addr: pdu.destination_addr, destination_addr: pdu.source_addr,
        esm_class: 4, short_message: 'id:m-1 sub:001 dlvrd:001 submit date:2601010000 ' +
        'done date:2601010001 stat:DELIVRD err:000 text:' });
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
