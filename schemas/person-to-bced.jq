# The canonical person, as far as the grant left it, as the person part of getPersonResponse.
# No person at all gives an empty message: the contract's own answer for no data.
if . == null or .niss == null then {} else
  {person: (
    {personNumber: .niss, name: .name}
    + (if .birthDate then {birth: {officialBirthDate: .birthDate}} else {} end)
    + (if .address then {addresses: {address: [.address]}} else {} end)
  )}
end
