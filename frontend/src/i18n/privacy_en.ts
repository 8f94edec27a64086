// English texts about de-identification.

export const privacyEn = {
  title: 'Privacy',
  choose: 'Patients in the images',
  hint: 'Applied before anything is stored. What is removed is not kept anywhere else here.',
  policies: {
    'retain-uids': 'De-identify, keep UIDs',
    full: 'De-identify, replace UIDs too',
    none: 'Keep images as they come',
  },
  details: {
    'retain-uids': 'Names, numbers, texts and private elements are removed (DICOM PS3.15 Basic Profile), patients get pseudonyms, dates are moved. Masks still fit the originals in your archive.',
    full: 'As above, and studies, series and images get new UIDs. Nothing leads back to the originals but the key of the pseudonyms.',
    none: 'The files stay untouched, with all that they say of the patient. For results that go back to the archive.',
  },
  stays: 'The de-identified file is what is kept. Text burned into the pixels is not removed: such images carry a warning. A change is for images that come from now on.',
  keep: 'Keep the original files',
  keepHint: 'As the policy leaves them. Without them only voxels are kept of the images that come from now on: masks cannot be written as DICOM SEG or RTSTRUCT, and DICOMweb serves nothing.',
  keyTitle: 'Whom a pseudonym stands for',
  keyHint: 'The key is encrypted and kept apart. Managers can look; every look is in the log.',
  pseudonym: 'Pseudonym',
  lookUp: 'Look up',
  download: 'Download the key',
  names: {
    PatientID: 'Patient ID',
    PatientName: 'Name',
    PatientBirthDate: 'Birth date',
    IssuerOfPatientID: 'Issuer of the ID',
    StudyInstanceUID: 'Study UID',
    AccessionNumber: 'Accession number',
    StudyDate: 'Study date',
    StudyTime: 'Study time',
    StudyDescription: 'Study',
    name: 'File',
  },
}
